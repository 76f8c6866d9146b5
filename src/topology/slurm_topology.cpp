#include "ditmesh/topology/slurm_topology.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/hostlist.hpp"

namespace ditmesh {

std::vector<std::string> SlurmTopology::nodes() const {
  std::vector<std::string> all;
  std::set<std::string_view> seen;
  const auto add = [&](const auto& groups) {
    for (const auto& group : groups) {
      for (const std::string& node : group.nodes) {
        if (seen.insert(node).second) all.push_back(node);
      }
    }
  };
  add(switches);
  add(blocks);
  add(rings);
  return all;
}

std::vector<std::string> SlurmTopology::roots() const {
  std::set<std::string_view> children;
  for (const Switch& each : switches) children.insert(each.children.begin(), each.children.end());
  std::vector<std::string> names;
  for (const Switch& each : switches) {
    if (!children.contains(each.name)) names.push_back(each.name);
  }
  return names;
}

NodeType unknown_node_type() {
  NodeType type;
  type.name = "unknown";
  type.nics = {{.name = "network"}};
  return type;
}

namespace {

constexpr int kUnreached = -1;

// Turns Slurm's graph of switches into our tree.
class TreeBuilder {
 public:
  TreeBuilder(const SlurmTopology& topology, Cluster& cluster, std::vector<std::string>& remarks)
      : topology_(topology), cluster_(cluster), remarks_(remarks) {
    for (const SlurmTopology::Switch& each : topology.switches)
      index_[each.name] = static_cast<int>(index_.size());
  }

  // The switch of `cluster` that each switch of the file became; -1: none.
  std::vector<int> build() {
    read_children();
    find_levels();
    unite_twins();
    return make_switches();
  }

 private:
  void read_children() {
    children_.resize(topology_.switches.size());
    std::vector<std::string> undefined;
    for (size_t i = 0; i < topology_.switches.size(); ++i) {
      for (const std::string& child : topology_.switches[i].children) {
        const auto found = index_.find(child);
        if (found == index_.end()) {
          undefined.push_back(child);
        } else {
          children_[i].push_back(found->second);
        }
      }
    }
    if (!undefined.empty()) {
      remarks_.push_back(cat(
          "left out, as nothing describes them: ", counted(static_cast<int64_t>(undefined.size()), "child"),
          " of switches (", undefined.front(), undefined.size() > 1 ? ", …)" : ")"));
    }
  }

  // Hops up from the nearest node: leaves are 0. So a switch stands above its children even where two
  // switches name each other.
  void find_levels() {
    std::vector<std::vector<int>> parents(children_.size());
    for (size_t i = 0; i < children_.size(); ++i) {
      for (const int child : children_[i]) parents[static_cast<size_t>(child)].push_back(static_cast<int>(i));
    }
    level_.assign(children_.size(), kUnreached);
    std::vector<int> queue;
    for (size_t i = 0; i < level_.size(); ++i) {
      if (!topology_.switches[i].nodes.empty()) {
        level_[i] = 0;
        queue.push_back(static_cast<int>(i));
      }
    }
    for (size_t next = 0; next < queue.size(); ++next) {
      for (const int parent : parents[static_cast<size_t>(queue[next])]) {
        int& level = level_[static_cast<size_t>(parent)];
        if (level != kUnreached) continue;
        level = level_[static_cast<size_t>(queue[next])] + 1;
        queue.push_back(parent);
      }
    }
    int64_t dropped = 0;
    for (size_t i = 0; i < children_.size(); ++i) {
      dropped += static_cast<int64_t>(std::erase_if(
          children_[i], [&](int child) { return leads_nowhere(child) || leads_back(child, i); }));
    }
    if (dropped > 0) {
      remarks_.push_back(
          cat("left out: ", counted(dropped, "link"), " between switches that leads to no node, or back"));
    }
  }

  bool leads_nowhere(int child) const { return level_[static_cast<size_t>(child)] == kUnreached; }

  // In a circle of switches the links downwards stay.
  bool leads_back(int child, size_t parent) const {
    if (level_[static_cast<size_t>(child)] < level_[parent]) return false;
    std::set<int> seen = {child};
    std::vector<int> queue = {child};
    for (size_t next = 0; next < queue.size(); ++next) {
      if (queue[next] == static_cast<int>(parent)) return true;
      for (const int below : children_[static_cast<size_t>(queue[next])]) {
        if (seen.insert(below).second) queue.push_back(below);
      }
    }
    return false;
  }

  int head(int i) {
    while (twin_[static_cast<size_t>(i)] != i) i = twin_[static_cast<size_t>(i)];
    return i;
  }

  // All parents of one switch act as one: traffic spreads over them.
  void unite_twins() {
    twin_.resize(children_.size());
    std::iota(twin_.begin(), twin_.end(), 0);
    parent_.assign(children_.size(), -1);
    for (size_t i = 0; i < children_.size(); ++i) {
      for (const int child : children_[i]) {
        int& parent = parent_[static_cast<size_t>(child)];
        if (parent == -1) {
          parent = static_cast<int>(i);
        } else {
          const int a = head(parent);
          const int b = head(static_cast<int>(i));
          twin_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
        }
      }
    }
  }

  // Whether `upper` is `lower` or stands above it.
  bool is_above(int upper, int lower) const {
    for (int up = lower; up != -1; up = cluster_.switches[static_cast<size_t>(up)].parent) {
      if (up == upper) return true;
    }
    return false;
  }

  std::vector<int> make_switches() {
    std::map<int, std::vector<std::string>> members;
    for (size_t i = 0; i < twin_.size(); ++i) {
      if (level_[i] != kUnreached) members[head(static_cast<int>(i))].push_back(topology_.switches[i].name);
    }
    std::map<int, int> made;
    for (const auto& [i, names] : members) {
      made[i] = static_cast<int>(cluster_.switches.size());
      Switch added;
      added.name = compress_hostlist(names);
      cluster_.switches.push_back(added);
      if (names.size() > 1)
        remarks_.push_back(cat("the switches ", added.name, " share children and count as one"));
    }
    std::vector<int> became(twin_.size(), -1);
    for (size_t i = 0; i < twin_.size(); ++i) {
      if (level_[i] == kUnreached) continue;
      became[i] = made[head(static_cast<int>(i))];
      const int parent = parent_[i] == -1 ? -1 : made[head(parent_[i])];
      Switch& made_of_it = cluster_.switches[static_cast<size_t>(became[i])];
      if (made_of_it.parent == -1 && parent != -1 && !is_above(became[i], parent)) made_of_it.parent = parent;
    }
    return became;
  }

  const SlurmTopology& topology_;
  Cluster& cluster_;
  std::vector<std::string>& remarks_;
  std::map<std::string, int> index_;
  std::vector<std::vector<int>> children_;
  std::vector<int> level_;
  std::vector<int> twin_;
  std::vector<int> parent_;
};

// A leaf for each base block; over them a switch for as many blocks as each larger size takes together.
std::vector<int> make_blocks(const SlurmTopology& topology, Cluster& cluster) {
  std::vector<int> leaves;
  for (const SlurmTopology::Group& block : topology.blocks) {
    leaves.push_back(static_cast<int>(cluster.switches.size()));
    Switch leaf;
    leaf.name = block.name;
    cluster.switches.push_back(leaf);
  }
  std::vector<int> below = leaves;
  for (size_t size = 1; size < topology.block_sizes.size() && below.size() > 1; ++size) {
    const int64_t together =
        std::max<int64_t>(1, topology.block_sizes[size] / topology.block_sizes[size - 1]);
    std::vector<int> above;
    for (size_t i = 0; i < below.size(); ++i) {
      if (i % static_cast<size_t>(together) == 0) {
        above.push_back(static_cast<int>(cluster.switches.size()));
        Switch added;
        added.name = cat("blocks of ", topology.block_sizes[size], " #", above.size());
        cluster.switches.push_back(added);
      }
      cluster.switches[static_cast<size_t>(below[i])].parent = above.back();
    }
    below = above;
  }
  if (below.size() > 1) {
    Switch top;
    top.name = "all blocks";
    const int index = static_cast<int>(cluster.switches.size());
    for (const int each : below) cluster.switches[static_cast<size_t>(each)].parent = index;
    cluster.switches.push_back(top);
  }
  return leaves;
}

}  // namespace

Cluster cluster_of(const SlurmTopology& topology, const NodeType& type, std::vector<std::string>& remarks) {
  Cluster cluster;
  cluster.name = topology.name.empty() ? "slurm" : topology.name;
  cluster.types = {type};
  std::map<std::string, int> leaf_of;
  int64_t in_two = 0;
  const auto plug_in = [&](const auto& groups, const std::vector<int>& leaves) {
    for (size_t i = 0; i < groups.size(); ++i) {
      for (const std::string& node : groups[i].nodes) {
        if (!leaf_of.emplace(node, leaves[i]).second) ++in_two;
      }
    }
  };
  plug_in(topology.switches, TreeBuilder(topology, cluster, remarks).build());
  plug_in(topology.blocks, make_blocks(topology, cluster));
  if (in_two > 0) {
    remarks.push_back(cat(counted(in_two, "node"), " of two switches or blocks: the first one counts"));
  }
  if (!topology.rings.empty()) {
    remarks.push_back("rings are read as a flat network: every node as near to every other");
    plug_in(topology.rings, std::vector<int>(topology.rings.size(), -1));
  }
  for (const std::string& name : topology.nodes()) {
    Node node;
    node.name = name;
    node.leaves.assign(type.nics.size(), leaf_of.at(name));
    cluster.nodes.push_back(std::move(node));
  }
  return cluster;
}

}  // namespace ditmesh

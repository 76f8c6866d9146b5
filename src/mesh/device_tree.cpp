#include "ditmesh/mesh/device_tree.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace ditmesh {

namespace {

constexpr double kMessageBytes = 8e6;  // about what a rank says in a block

using Nearness = std::pair<Level, double>;  // and seconds of a message

// The devices of one node as numbers, in order, and the sets among them; Set counts from the node's first.
struct NodeTree {
  std::vector<int> order;
  std::vector<DeviceTree::Set> sets;
};

class NodeTreeBuilder {
 public:
  NodeTreeBuilder(const Router& router, int node, std::vector<int> devices)
      : router_(router), node_(node), devices_(std::move(devices)) {}

  // Joins what is nearest first, so that every set is nearer within than to the rest.
  NodeTree build() {
    const size_t size = devices_.size();
    std::map<Nearness, std::vector<std::pair<int, int>>> pairs;
    for (size_t a = 0; a < size; ++a) {
      for (size_t b = a + 1; b < size; ++b)
        pairs[nearness(a, b)].emplace_back(static_cast<int>(a), static_cast<int>(b));
    }
    root_.resize(size);
    std::iota(root_.begin(), root_.end(), 0);
    members_.resize(size);
    for (size_t i = 0; i < size; ++i) members_[i] = {static_cast<int>(i)};
    std::vector<std::pair<std::vector<int>, Level>> sets;
    for (const auto& [near, all] : pairs) {
      std::vector<int> grown;
      for (const auto& [a, b] : all) join(a, b, grown);
      for (const int root : grown) {
        if (root_[static_cast<size_t>(root)] == root)
          sets.emplace_back(members_[static_cast<size_t>(root)], near.first);
      }
    }
    NodeTree tree;
    tree.order = members_[0];
    std::vector<int> place(size);
    for (size_t i = 0; i < size; ++i) place[static_cast<size_t>(tree.order[i])] = static_cast<int>(i);
    for (const auto& [members, level] : sets) {
      const int begin = place[static_cast<size_t>(members.front())];
      tree.sets.push_back({begin, begin + static_cast<int>(members.size()), level});
    }
    for (int& device : tree.order) device = devices_[static_cast<size_t>(device)];
    return tree;
  }

 private:
  Nearness nearness(size_t a, size_t b) const {
    const Route route = router_.route({node_, devices_[a]}, {node_, devices_[b]});
    return {route.level, route.latency_s + kMessageBytes / route.bytes_per_s};
  }

  int root(int device) const {
    while (root_[static_cast<size_t>(device)] != device) device = root_[static_cast<size_t>(device)];
    return device;
  }

  void join(int a, int b, std::vector<int>& grown) {
    const int low = std::min(root(a), root(b));
    const int high = std::max(root(a), root(b));
    if (low == high) return;
    root_[static_cast<size_t>(high)] = low;
    auto& into = members_[static_cast<size_t>(low)];
    auto& from = members_[static_cast<size_t>(high)];
    into.insert(into.end(), from.begin(), from.end());
    from.clear();
    if (std::find(grown.begin(), grown.end(), low) == grown.end()) grown.push_back(low);
  }

  const Router& router_;
  int node_;
  std::vector<int> devices_;
  std::vector<int> root_;
  std::vector<std::vector<int>> members_;
};

// Where a node stands above its own devices, from the outside inwards: nodes with equal beginnings are near.
std::vector<int> address(const Cluster& cluster, const Node& node) {
  std::vector<int> inwards;
  const auto plugged_in =
      std::find_if(node.leaves.begin(), node.leaves.end(), [](int leaf) { return leaf != -1; });
  if (plugged_in != node.leaves.end()) {
    for (int at = *plugged_in; at != -1; at = cluster.switches[static_cast<size_t>(at)].parent)
      inwards.push_back(at);
  }
  std::reverse(inwards.begin(), inwards.end());
  inwards.push_back(node.nvlink_domain);
  return inwards;
}

}  // namespace

DeviceTree device_tree(const Router& router, const std::vector<DeviceId>& devices) {
  const Cluster& cluster = router.cluster();
  std::map<int, std::vector<int>> by_node;
  for (const DeviceId& id : devices) by_node[id.node].push_back(id.device);

  struct PlacedNode {
    std::vector<int> address;
    int node;
  };
  std::vector<PlacedNode> nodes;
  for (const auto& [node, unused] : by_node)
    nodes.push_back({address(cluster, cluster.nodes[static_cast<size_t>(node)]), node});
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const PlacedNode& a, const PlacedNode& b) { return a.address < b.address; });

  DeviceTree tree;
  std::map<std::pair<int, std::vector<int>>, NodeTree> known;  // nodes of one type are alike
  std::vector<int> begins;                                     // of each node, in the order of nodes
  for (const PlacedNode& placed : nodes) {
    std::vector<int>& here = by_node[placed.node];
    std::sort(here.begin(), here.end());
    const auto key = std::pair(cluster.nodes[static_cast<size_t>(placed.node)].type, here);
    auto found = known.find(key);
    if (found == known.end())
      found = known.emplace(key, NodeTreeBuilder(router, placed.node, here).build()).first;
    const int begin = static_cast<int>(tree.devices.size());
    begins.push_back(begin);
    for (const int device : found->second.order) tree.devices.push_back({placed.node, device});
    for (const DeviceTree::Set& set : found->second.sets)
      tree.sets.push_back({begin + set.begin, begin + set.end, set.level});
  }
  begins.push_back(static_cast<int>(tree.devices.size()));

  // Sets of nodes: those that share the first n parts of their address, for every n, the longest first.
  size_t longest = 0;
  for (const PlacedNode& placed : nodes) longest = std::max(longest, placed.address.size());
  for (size_t length = longest + 1; length-- > 0;) {
    size_t first = 0;
    for (size_t i = 1; i <= nodes.size(); ++i) {
      const auto shares = [&](size_t a, size_t b) {
        const auto& x = nodes[a].address;
        const auto& y = nodes[b].address;
        return x.size() >= length && y.size() >= length &&
               std::equal(x.begin(), x.begin() + static_cast<int64_t>(length), y.begin());
      };
      if (i < nodes.size() && shares(first, i)) continue;
      const DeviceTree::Set set{begins[first], begins[i], Level::self};
      if (i - first > 1 &&
          (tree.sets.empty() || tree.sets.back().begin != set.begin || tree.sets.back().end != set.end)) {
        tree.sets.push_back(set);
        tree.sets.back().level = router.level(tree.devices[static_cast<size_t>(set.begin)],
                                              tree.devices[static_cast<size_t>(set.end - 1)]);
      }
      first = i;
    }
  }
  if (tree.sets.empty() ||
      tree.sets.back().end - tree.sets.back().begin < static_cast<int>(tree.devices.size()))
    tree.sets.push_back({0, static_cast<int>(tree.devices.size()), Level::spine});
  if (tree.devices.size() == 1) tree.sets.back().level = Level::self;
  return tree;
}

}  // namespace ditmesh

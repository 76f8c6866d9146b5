#include "ditmesh/mesh/device_tree.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

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

  // Joins the two sets whose farthest devices are nearest, again and again (complete linkage): in a DGX-1
  // NVLinks make a ring of all eight GPUs, but only four of them are each other's neighbours.
  NodeTree build() {
    std::vector<Joined> sets;
    for (size_t i = 0; i < devices_.size(); ++i) sets.push_back({{static_cast<int>(i)}, {}, {}});
    std::vector<std::vector<Nearness>> apart(sets.size(), std::vector<Nearness>(sets.size()));
    for (size_t a = 0; a < sets.size(); ++a) {
      for (size_t b = a + 1; b < sets.size(); ++b) apart[a][b] = apart[b][a] = nearness(a, b);
    }
    std::vector<size_t> open(sets.size());
    std::iota(open.begin(), open.end(), size_t{0});
    while (open.size() > 1) {
      size_t low = 0;
      size_t high = 1;
      for (size_t a = 0; a < open.size(); ++a) {
        for (size_t b = a + 1; b < open.size(); ++b) {
          if (apart[open[a]][open[b]] < apart[open[low]][open[high]]) std::tie(low, high) = std::pair(a, b);
        }
      }
      const size_t into = open[low];
      const size_t from = open[high];
      sets[into].join(std::move(sets[from]), apart[into][from]);
      open.erase(open.begin() + static_cast<int64_t>(high));
      for (const size_t other : open)
        apart[into][other] = apart[other][into] = std::max(apart[into][other], apart[from][other]);
    }
    NodeTree tree;
    const Joined& all = sets[open.front()];
    for (const int device : all.order) tree.order.push_back(devices_[static_cast<size_t>(device)]);
    tree.sets = all.sets;
    return tree;
  }

 private:
  // Devices in order and the sets among them, counted from the first.
  struct Joined {
    std::vector<int> order;
    std::vector<DeviceTree::Set> sets;
    std::optional<Nearness> width;  // of the set of all; none for one device

    void join(Joined&& other, const Nearness& near) {
      // A set that is as wide as the one that takes it in is none of its own.
      if (width == near) sets.pop_back();
      if (other.width == near) other.sets.pop_back();
      const auto shift = static_cast<int>(order.size());
      for (const DeviceTree::Set& set : other.sets)
        sets.push_back({set.begin + shift, set.end + shift, set.level});
      order.insert(order.end(), other.order.begin(), other.order.end());
      sets.push_back({0, static_cast<int>(order.size()), near.first});
      width = near;
    }
  };

  Nearness nearness(size_t a, size_t b) const {
    const Route there = router_.route({node_, devices_[a]}, {node_, devices_[b]});
    return {there.level, there.latency_s + kMessageBytes / there.bytes_per_s};
  }

  const Router& router_;
  int node_;
  std::vector<int> devices_;
};

// Where a node stands above its own devices, from the outside inwards: nodes with equal beginnings are near.
// All nodes of an NVLink domain stand where its first one does, whatever their leaf switches: NVLink is
// nearer than any network.
std::vector<int> address(const Cluster& cluster, const Node& node) {
  const Node* at = &node;
  if (node.nvlink_domain != -1) {
    at = &*std::find_if(cluster.nodes.begin(), cluster.nodes.end(),
                        [&](const Node& other) { return other.nvlink_domain == node.nvlink_domain; });
  }
  std::vector<int> inwards;
  const auto plugged_in =
      std::find_if(at->leaves.begin(), at->leaves.end(), [](int leaf) { return leaf != -1; });
  if (plugged_in != at->leaves.end()) {
    for (int place = *plugged_in; place != -1; place = cluster.switches[static_cast<size_t>(place)].parent)
      inwards.push_back(place);
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

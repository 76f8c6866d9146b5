#include "ditmesh/mesh/axis_cost.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "ditmesh/base/error.hpp"

namespace ditmesh {

namespace {

// Measured on two H100 (NCCL 2.28, 18 NVLinks): calls of some bytes take 24 to 30 µs, and from a megabyte on
// 250 to 270 of the links' 378 GB/s are reached.
constexpr double kStartOfGpus_s = 24e-6;
constexpr double kStartOfNetwork_s = 10e-6;  // besides
constexpr double kStartOfCores_s = 5e-6;     // MPI through shared memory

double reached_share(Level level) {
  if (level <= Level::nvlink) return 0.70;
  return level <= kLastInNode ? 0.80 : 0.90;
}

std::vector<int> group_of(const Mesh& mesh, int rank, Axis axis) { return mesh.group(rank, axis); }

}  // namespace

double AxisCost::seconds(Pattern pattern, double bytes, int group_size) const {
  switch (pattern) {
    case Pattern::all_to_all:
      return start_s + bytes * all_to_all_s_per_byte;
    case Pattern::all_gather:
    case Pattern::reduce_scatter: {
      // A ring of group_size − 1 rounds; each after the first costs a tenth of a call.
      constexpr double kRound = 0.1;
      return start_s * (1 + kRound * (group_size - 2)) + bytes * next_s_per_byte;
    }
    case Pattern::pass_on:
      return start_s + bytes * next_s_per_byte;
  }
  return 0;
}

PlacedMesh::PlacedMesh(const Router& router, const Mesh& mesh, const Placement& placement)
    : router_(router), mesh_(mesh), placement_(placement) {
  const int inner = mesh.inner_size();
  for (int rank = 0; rank < mesh.size(); ++rank) {
    std::vector<int>& here = on_node_[device(rank).node];
    if (here.empty() || here.back() != rank / inner) here.push_back(rank / inner);
  }
  find_kinds();
}

// Two replicas are of a kind if their ranks are the same devices of nodes of the same type, and change node
// and leaf switch at the same places.
void PlacedMesh::find_kinds() {
  const int inner = mesh_.inner_size();
  const Cluster& cluster = router_.cluster();
  std::map<std::vector<int>, size_t> known;
  for (int replica = 0; replica < mesh_.degree(Axis::data); ++replica) {
    std::vector<int> key;
    std::vector<int> nodes;
    std::vector<const std::vector<int>*> leaves;
    for (int i = 0; i < inner; ++i) {
      const DeviceId id = device(replica * inner + i);
      const Node& node = cluster.nodes[static_cast<size_t>(id.node)];
      const auto at = std::find(nodes.begin(), nodes.end(), id.node) - nodes.begin();
      if (at == static_cast<int64_t>(nodes.size())) {
        nodes.push_back(id.node);
        const auto like = std::find_if(leaves.begin(), leaves.end(),
                                       [&](const auto* other) { return *other == node.leaves; });
        key.push_back(static_cast<int>(like - leaves.begin()));
        key.push_back(
            node.nvlink_domain == cluster.nodes[static_cast<size_t>(nodes.front())].nvlink_domain ? 1 : 0);
        if (like == leaves.end()) leaves.push_back(&node.leaves);
        key.push_back(node.type);
      }
      key.push_back(static_cast<int>(at));
      key.push_back(id.device);
    }
    const auto [found, is_new] = known.emplace(std::move(key), kinds_.size());
    if (!is_new) {
      ++kinds_[found->second].count;
      continue;
    }
    Kind kind{replica, 1, Level::self};
    for (int i = 0; i < inner; ++i) {
      for (const Axis axis : kAxes) {
        if (axis == Axis::data || mesh_.degree(axis) == 1) continue;
        for (const int other : group_of(mesh_, replica * inner + i, axis))
          kind.level = std::max(kind.level, router_.level(device(replica * inner + i), device(other)));
      }
    }
    kinds_.push_back(kind);
  }
}

AxisCosts PlacedMesh::costs(int replica) const {
  AxisCosts costs;
  for (const Axis axis : kAxes) {
    if (axis != Axis::data && mesh_.degree(axis) > 1) costs[static_cast<size_t>(axis)] = cost(replica, axis);
  }
  return costs;
}

const DeviceModel& PlacedMesh::model(int replica) const {
  const std::string& name = router_.cluster().device(device(replica * mesh_.inner_size())).model;
  const auto found = router_.cluster().models.find(name);
  if (found == router_.cluster().models.end()) {
    throw ConfigError("the cluster does not say what its devices are", "name their 'model'");
  }
  return found->second;
}

AxisCost PlacedMesh::cost(int replica, Axis axis) const {
  const int inner = mesh_.inner_size();
  const int degree = mesh_.degree(axis);
  std::set<int> beside;
  for (int i = 0; i < inner; ++i) {
    const std::vector<int>& here = on_node_.at(device(replica * inner + i).node);
    beside.insert(here.begin(), here.end());
  }

  // What every link is asked for when each rank sends one byte to all others, or to the next.
  std::unordered_map<int, std::pair<double, double>> asked;
  struct Way {
    Route route;
    bool is_next;
  };
  std::vector<Way> own;
  for (const int other : beside) {
    for (int i = 0; i < inner; ++i) {
      const int rank = other * inner + i;
      const std::vector<int> group = group_of(mesh_, rank, axis);
      const auto self = std::find(group.begin(), group.end(), rank) - group.begin();
      for (int step = 1; step < degree; ++step) {
        const int peer = group[static_cast<size_t>((self + step) % degree)];
        Way way{router_.route(device(rank), device(peer)), step == 1};
        for (const int link : way.route.links) {
          asked[link].first += 1.0 / (degree - 1);
          if (way.is_next) asked[link].second += 1;
        }
        if (other == replica) own.push_back(std::move(way));
      }
    }
  }

  AxisCost cost;
  double latency_s = 0;
  for (const Way& way : own) {
    cost.level = std::max(cost.level, way.route.level);
    latency_s = std::max(latency_s, way.route.latency_s);
    cost.level_share[way.route.level] += 1.0 / static_cast<double>(own.size());
    const double share = reached_share(way.route.level);
    const auto consider = [&](double& seconds, double load, double bytes_per_s) {
      if (bytes_per_s > 0) seconds = std::max(seconds, load / (bytes_per_s * share));
    };
    // A way may be narrower than any of its links: through the host's memory.
    consider(cost.all_to_all_s_per_byte, 1.0 / (degree - 1), way.route.bytes_per_s);
    if (way.is_next) consider(cost.next_s_per_byte, 1, way.route.bytes_per_s);
    for (const int link : way.route.links) {
      const auto& [to_all, to_next] = asked.at(link);
      consider(cost.all_to_all_s_per_byte, to_all, router_.link(link).bytes_per_s);
      if (way.is_next) consider(cost.next_s_per_byte, to_next, router_.link(link).bytes_per_s);
    }
  }
  const bool has_gpus = model(replica).kind == DeviceKind::gpu;
  cost.start_s = (has_gpus ? kStartOfGpus_s : kStartOfCores_s) + latency_s +
                 (cost.level > kLastInNode ? kStartOfNetwork_s : 0);
  return cost;
}

}  // namespace ditmesh

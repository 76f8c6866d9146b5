#include "ditmesh/mesh/axis_cost.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "ditmesh/base/error.hpp"

namespace ditmesh {

namespace {

// Measured on two H100 (NCCL 2.28, 18 NVLinks): calls of some bytes take 24 to 30 µs, and from a megabyte on
// 250 to 270 of the links' 378 GB/s are reached.
constexpr double kStartOfGpus_s = 24e-6;
constexpr double kStartOfNetwork_s = 10e-6;  // besides
constexpr double kStartOfCores_s = 5e-6;     // MPI through shared memory

}  // namespace

double reached_share(Level level) {
  if (level <= Level::nvlink) return 0.70;
  return level <= kLastInNode ? 0.80 : 0.90;
}

double start_s(Pattern pattern, int num_ranks, Level level, DeviceKind kind) {
  // A gather goes around in num_ranks - 1 rounds; each after the first costs a tenth of a call.
  constexpr double kRound = 0.1;
  const bool goes_around = pattern == Pattern::all_gather || pattern == Pattern::reduce_scatter;
  const double one_s = (kind == DeviceKind::gpu ? kStartOfGpus_s : kStartOfCores_s) +
                       (level > kLastInNode ? kStartOfNetwork_s : 0);
  return goes_around ? one_s * (1 + kRound * (num_ranks - 2)) : one_s;
}

double AxisCost::seconds(Pattern pattern, double bytes, int group_size) const {
  const bool is_one_way = pattern == Pattern::all_to_all || pattern == Pattern::exchange;
  const double way_s = latency_s * (is_one_way ? 1 : group_size - 1);
  const double s_per_byte = pattern == Pattern::all_to_all ? all_to_all_s_per_byte : next_s_per_byte;
  return start_s(pattern, group_size, level, kind) + way_s + bytes * s_per_byte;
}

const Route& KnownRoutes::find(DeviceId from, DeviceId to) {
  const auto key = [](DeviceId id) {
    return static_cast<uint64_t>(id.node) << 10U | static_cast<uint64_t>(id.device);
  };
  const auto [found, is_new] = known_.try_emplace(key(from) << 32U | key(to));
  if (is_new) found->second = router_.route(from, to);
  return found->second;
}

PlacedMesh::PlacedMesh(KnownRoutes& routes, const Mesh& mesh, const Placement& placement)
    : routes_(routes), cluster_(routes.router().cluster()), mesh_(mesh), placement_(placement) {
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
  std::map<std::vector<int>, size_t> known;
  std::map<std::vector<int64_t>, size_t> by_ways;
  for (int replica = 0; replica < mesh_.degree(Axis::data); ++replica) {
    std::vector<int> key;
    std::vector<int> nodes;
    std::vector<const std::vector<int>*> leaves;
    for (int i = 0; i < inner; ++i) {
      const DeviceId id = device(replica * inner + i);
      const Node& node = cluster_.nodes[static_cast<size_t>(id.node)];
      const auto at = std::find(nodes.begin(), nodes.end(), id.node) - nodes.begin();
      if (at == static_cast<int64_t>(nodes.size())) {
        nodes.push_back(id.node);
        const auto like = std::find_if(leaves.begin(), leaves.end(),
                                       [&](const auto* other) { return *other == node.leaves; });
        key.push_back(static_cast<int>(like - leaves.begin()));
        key.push_back(
            node.nvlink_domain == cluster_.nodes[static_cast<size_t>(nodes.front())].nvlink_domain ? 1 : 0);
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
    std::vector<int64_t> ways;
    for (int i = 0; i < inner; ++i) {
      const int rank = replica * inner + i;
      ways.push_back(cluster_.nodes[static_cast<size_t>(device(rank).node)].type);
      for (const Axis axis : kAxes) {
        if (axis == Axis::data || mesh_.degree(axis) == 1) continue;
        for (const int other : mesh_.group(rank, axis)) {
          const Route& route = routes_.find(device(rank), device(other));
          kind.level = std::max(kind.level, route.level);
          ways.push_back(static_cast<int64_t>(route.level));
          ways.push_back(std::llround(route.bytes_per_s));
          ways.push_back(std::llround(route.latency_s * 1e9));
        }
      }
    }
    // Other devices of the node, but as near to each other.
    const auto [like, is_new_kind] = by_ways.emplace(std::move(ways), kinds_.size());
    found->second = like->second;
    if (!is_new_kind) {
      ++kinds_[like->second].count;
      continue;
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
  const std::string& name = cluster_.device(device(replica * mesh_.inner_size())).model;
  const auto found = cluster_.models.find(name);
  if (found == cluster_.models.end()) {
    throw ConfigError("the cluster does not say what its devices are", "name their 'model'");
  }
  return found->second;
}

AxisCost PlacedMesh::cost(int replica, Axis axis) const {
  const int inner = mesh_.inner_size();
  const int degree = mesh_.degree(axis);
  int stride = 1;  // from a member of the group to the next
  for (const Axis inside : kAxes) {
    if (inside == axis) break;
    stride *= mesh_.degree(inside);
  }
  std::set<int> beside;
  for (int i = 0; i < inner; ++i) {
    const std::vector<int>& here = on_node_.at(device(replica * inner + i).node);
    beside.insert(here.begin(), here.end());
  }

  // What every link is asked for when each rank sends one byte to all others, or to the next.
  std::vector<LinkLoad>& asked = routes_.loads();
  struct Way {
    const Route& route;
    bool is_next;
  };
  std::vector<Way> own;
  std::vector<int> touched;
  own.reserve(static_cast<size_t>(inner * (degree - 1)));
  for (const int other : beside) {
    for (int i = 0; i < inner; ++i) {
      const int rank = other * inner + i;
      const int self = i / stride % degree;
      for (int step = 1; step < degree; ++step) {
        const int peer = rank + ((self + step) % degree - self) * stride;
        const Way way{routes_.find(device(rank), device(peer)), step == 1};
        for (const int link : way.route.links) {
          LinkLoad& load = asked[static_cast<size_t>(link)];
          if (load.to_all == 0) touched.push_back(link);
          load.to_all += 1.0 / (degree - 1);
          if (way.is_next) load.to_next += 1;
        }
        if (other == replica) own.push_back(way);
      }
    }
  }

  AxisCost cost;
  for (const Way& way : own) {
    cost.level = std::max(cost.level, way.route.level);
    cost.latency_s = std::max(cost.latency_s, way.route.latency_s);
    cost.share_to_all[static_cast<size_t>(way.route.level)] += 1.0 / static_cast<double>(own.size());
    if (way.is_next) cost.share_to_next[static_cast<size_t>(way.route.level)] += 1.0 / inner;
    const double share = reached_share(way.route.level);
    const auto consider = [&](double& seconds, double load, double bytes_per_s) {
      if (bytes_per_s > 0) seconds = std::max(seconds, load / (bytes_per_s * share));
    };
    // A way may be narrower than any of its links: through the host's memory.
    consider(cost.all_to_all_s_per_byte, 1.0 / (degree - 1), way.route.bytes_per_s);
    if (way.is_next) consider(cost.next_s_per_byte, 1, way.route.bytes_per_s);
    for (const int link : way.route.links) {
      const LinkLoad& load = asked[static_cast<size_t>(link)];
      consider(cost.all_to_all_s_per_byte, load.to_all, routes_.router().link(link).bytes_per_s);
      if (way.is_next) consider(cost.next_s_per_byte, load.to_next, routes_.router().link(link).bytes_per_s);
    }
  }
  for (int member = 0; member < degree; ++member) {
    const int rank = replica * inner + member * stride;
    const int next = replica * inner + (member + 1) % degree * stride;
    cost.next_levels.push_back(routes_.find(device(rank), device(next)).level);
  }
  for (const int link : touched) asked[static_cast<size_t>(link)] = {};
  cost.kind = model(replica).kind;
  return cost;
}

}  // namespace ditmesh

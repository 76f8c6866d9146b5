#pragma once
// What a message costs along each axis of a placed mesh.

#include <array>
#include <map>
#include <unordered_map>
#include <vector>

#include "ditmesh/mesh/compute_cost.hpp"
#include "ditmesh/mesh/placement.hpp"

namespace ditmesh {

/// Of the groups along one axis, all talking at once with those of the same axis in the replicas beside.
struct AxisCost {
  Level level = Level::self;  // of the farthest two members
  DeviceKind kind = DeviceKind::gpu;
  double latency_s = 0;  // of the longest way
  double all_to_all_s_per_byte = 0;
  double next_s_per_byte = 0;  // to the next member of the group
  PerLevel share_to_all{};     // of the bytes, by the level they cross
  PerLevel share_to_next{};
  std::vector<Level> next_levels{};  // from each member of the first group to its next

  /// A call in which each rank sends `bytes`.
  double seconds(Pattern pattern, double bytes, int group_size) const;
  bool operator==(const AxisCost&) const = default;
};

/// Of starting a call, latencies of the way apart.
double start_s(Pattern pattern, int num_ranks, Level level, DeviceKind kind);
/// The share of a link's bandwidth that messages between ranks get.
double reached_share(Level level);

using AxisCosts = std::array<AxisCost, kAxes.size()>;

/// Bytes that are asked of a link, for each byte that a rank sends.
struct LinkLoad {
  double to_all = 0;
  double to_next = 0;
};

/// Ways that were asked for before.
class KnownRoutes {
 public:
  explicit KnownRoutes(const Router& router)
      : router_(router), loads_(static_cast<size_t>(router.num_links())) {}

  const Router& router() const { return router_; }
  const Route& find(DeviceId from, DeviceId to);
  /// Of every link; whoever uses them leaves them at zero.
  std::vector<LinkLoad>& loads() { return loads_; }

 private:
  const Router& router_;
  std::unordered_map<uint64_t, Route> known_;
  std::vector<LinkLoad> loads_;
};

/// Replicas by where their ranks stand towards each other: one of each kind need only be looked at.
///
/// Messages that share a link wait for each other: what a link is asked for by all groups of an axis is added
/// up, in all replicas of the nodes that a replica is on.
class PlacedMesh {
 public:
  /// Keeps references to the routes and the placement.
  PlacedMesh(KnownRoutes& routes, const Mesh& mesh, const Placement& placement);

  /// The first replica of each kind, and how many are of it.
  struct Kind {
    int replica = 0;
    int count = 0;
    Level level = Level::self;  // of its farthest ranks along an inner axis
  };
  const std::vector<Kind>& kinds() const { return kinds_; }

  AxisCosts costs(int replica) const;
  const DeviceModel& model(int replica) const;
  DeviceId device(int rank) const { return placement_.devices[static_cast<size_t>(rank)]; }

 private:
  void find_kinds();
  AxisCost cost(int replica, Axis axis) const;

  KnownRoutes& routes_;
  const Cluster& cluster_;
  const Mesh mesh_;
  const Placement& placement_;
  std::vector<Kind> kinds_;
  std::map<int, std::vector<int>> on_node_;  // replicas
};

}  // namespace ditmesh

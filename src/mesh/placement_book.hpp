#pragma once
// Placements of many meshes on the same devices, each looked at once.

#include <map>
#include <vector>

#include "ditmesh/mesh/axis_cost.hpp"

namespace ditmesh {

/// Where the ranks of inner meshes stand depends on their degrees above 1, not on the axes' names.
class PlacementBook {
 public:
  PlacementBook(const Router& router, const std::vector<DeviceId>& devices);

  struct Kind {
    PlacedMesh::Kind kind;
    std::vector<AxisCost> costs;  // of the axes above 1, in their order
  };
  struct Entry {
    int num_replicas = 0;
    std::vector<Kind> kinds;
  };

  int num_devices() const { return static_cast<int>(tree_.devices.size()); }
  /// `wanted`: replicas; 0: as many as there is room for.
  const Entry& find(const Mesh& inner, int wanted);
  /// By axis again.
  static AxisCosts axis_costs(const Mesh& mesh, const std::vector<AxisCost>& above_one);

 private:
  KnownRoutes routes_;
  DeviceTree tree_;
  std::map<std::vector<int>, Entry> known_;
};

}  // namespace ditmesh

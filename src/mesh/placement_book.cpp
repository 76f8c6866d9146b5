#include "placement_book.hpp"

namespace ditmesh {

PlacementBook::PlacementBook(const Router& router, const std::vector<DeviceId>& devices)
    : routes_(router), tree_(device_tree(router, devices)) {}

const PlacementBook::Entry& PlacementBook::find(const Mesh& inner, int wanted) {
  std::vector<int> key{wanted};
  std::vector<Axis> axes;
  for (const Axis axis : kAxes) {
    if (axis == Axis::data || inner.degree(axis) == 1) continue;
    key.push_back(inner.degree(axis));
    axes.push_back(axis);
  }
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  Entry entry;
  entry.num_replicas = wanted > 0 ? wanted : num_replicas(inner, num_devices());
  const Mesh mesh = inner.with(Axis::data, entry.num_replicas);
  const Placement placement = place(mesh, tree_);
  const PlacedMesh placed(routes_, mesh, placement);
  for (const PlacedMesh::Kind& kind : placed.kinds()) {
    Kind one{kind, {}};
    const AxisCosts costs = placed.costs(kind.replica);
    for (const Axis axis : axes) one.costs.push_back(costs[static_cast<size_t>(axis)]);
    entry.kinds.push_back(std::move(one));
  }
  return known_.emplace(std::move(key), std::move(entry)).first->second;
}

AxisCosts PlacementBook::axis_costs(const Mesh& mesh, const std::vector<AxisCost>& above_one) {
  AxisCosts costs;
  size_t next = 0;
  for (const Axis axis : kAxes) {
    if (axis != Axis::data && mesh.degree(axis) > 1) costs[static_cast<size_t>(axis)] = above_one[next++];
  }
  return costs;
}

}  // namespace ditmesh

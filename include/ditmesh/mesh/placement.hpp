#pragma once
// Which device each rank of the mesh drives.

#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/mesh/device_tree.hpp"
#include "ditmesh/mesh/mesh.hpp"

namespace ditmesh {

struct Placement {
  std::vector<DeviceId> devices{};  // of each rank of the mesh
  std::vector<DeviceId> spares{};   // that no rank drives

  bool operator==(const Placement&) const = default;
};

/// Replicas that fit on `num_devices`.
inline int num_replicas(const Mesh& inner, int num_devices) { return num_devices / inner.inner_size(); }

/// Puts the groups of each axis together, the innermost axis first: those of tensor on what is nearest,
/// groups of ulysses out of these, and so on; a group is only split over a wider set of devices if what is
/// left over in the narrower ones is too little for one. Of more replicas than the mesh has, those that stand
/// closest.
///
///   ulysses=3, two nodes of four GPUs
///     data=2   node0: 0 0 0 spare   node1: 1 1 1 spare
///   ulysses=2, data=3, two nodes of three GPUs
///     node0: 0 0 1   node1: 2 2 1   replica 1 is split over the nodes: three do not fit without
///
/// Throws ConfigError with what fits if the mesh has more ranks than there are devices.
Placement place(const Mesh& mesh, const DeviceTree& tree);

/// "data=0,ulysses=1 dgx1:gpu3", a line for each rank, as --dry-run writes it and --placement reads it.
std::string to_text(const Placement& placement, const Mesh& mesh, const Cluster& cluster);
/// `devices`: that may be named; those that are not are spares. Throws ConfigError naming the line.
Placement placement_from_text(std::string_view text, const std::string& where, const Mesh& mesh,
                              const Cluster& cluster, const std::vector<DeviceId>& devices);

}  // namespace ditmesh

#pragma once
// One cluster out of what each of its nodes says of itself.

#include <optional>
#include <string>
#include <vector>

#include "ditmesh/topology/slurm_environment.hpp"
#include "ditmesh/topology/topology_reader.hpp"

namespace ditmesh {

/// A node as it described itself.
struct NodeReport {
  TopologyReading reading{};                 // a cluster of this node alone, without switches
  std::string slurm_name{};                  // SLURMD_NODENAME; empty: that of the node
  std::optional<TopologyAddress> address{};  // SLURM_TOPOLOGY_ADDR

  std::string to_text() const;
  static NodeReport from_text(const std::string& text);
};

/// All their nodes, not plugged in. Nodes that are built alike (all fields but the name) share a type, named
/// after its devices: "8-h100-sxm". Device models that differ in nothing but up to 5 % of memory, as the
/// kernels of two hosts take more or less of it, are one, with the lesser; others get names of their own.
/// Names of nodes that come twice are numbered.
///
///   n1: 8 h100-sxm; n2: the same; n3: 4 a100-pcie-80gb → types 8-h100-sxm (n1, n2), 4-a100-pcie-80gb (n3)
Cluster merge_nodes(const std::vector<Cluster>& clusters);

/// The reports' nodes and the network between them: the switches of `slurm` (its topology file), or those of
/// all nodes' addresses; where neither knows every node, one switch "network". NICs of the best kind that
/// every node has are plugged in. One node alone stands under no switch.
TopologyReading merge_reports(const std::vector<NodeReport>& reports,
                              const std::optional<SlurmTopology>& slurm);

}  // namespace ditmesh

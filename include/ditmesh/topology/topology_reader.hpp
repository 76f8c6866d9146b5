#pragma once
// A cluster from whatever describes one.

#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/topology/cluster.hpp"
#include "ditmesh/topology/node_reading.hpp"

namespace ditmesh {

struct TopologyReading {
  Cluster cluster{};
  std::vector<std::string> remarks{};  // for the user: what was assumed or left out
};

/// Finds out what `text` is: a cluster in JSON, the output of nvidia-smi topo -m, an NCCL topology, Slurm's
/// topology.conf or topology.yaml. Throws ConfigError for anything else, and for what is damaged.
TopologyReading read_topology(std::string_view text, const std::string& name);

/// A cluster of this one node, its network unknown. Devices get the built-in model with their PCI id.
TopologyReading cluster_of(NodeReading reading, const std::string& node_name);

}  // namespace ditmesh

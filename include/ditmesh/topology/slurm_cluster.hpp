#pragma once
// The nodes of a Slurm job and the network between them, from files and the environment alone.

#include <functional>
#include <optional>
#include <string>

#include "ditmesh/topology/slurm_environment.hpp"
#include "ditmesh/topology/topology_reader.hpp"

namespace ditmesh {

/// The text of a file; nothing if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// Slurm's topology.yaml or topology.conf in the folder of SLURM_CONF, or else /etc/slurm; nothing if there
/// is none. Throws ConfigError.
std::optional<SlurmTopology> find_slurm_topology(const Environment& environment, const ReadFile& read_file);

/// The nodes of the job, under the switches of topology.yaml or topology.conf (in the folder of SLURM_CONF,
/// or else /etc/slurm): all nodes of that file outside of a job; without a file a flat network, or what
/// SLURM_TOPOLOGY_ADDR says of this node. Throws ConfigError where there is neither job nor file.
TopologyReading read_slurm_cluster(const Environment& environment, const ReadFile& read_file);

}  // namespace ditmesh

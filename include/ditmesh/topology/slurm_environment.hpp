#pragma once
// What Slurm tells a job about itself in its environment, where scontrol cannot be asked.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/topology/slurm_topology.hpp"

namespace ditmesh {

/// The value of an environment variable; nothing if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The nodes of a job, or of the step of it that runs this process.
struct SlurmAllocation {
  std::string job_id;
  std::vector<std::string> nodes;
  std::vector<int> tasks;  // on each node; empty if Slurm does not say

  int num_tasks() const;
  bool operator==(const SlurmAllocation&) const = default;
};

/// "8(x2),4" → 8 8 4. Throws ConfigError naming `what`.
std::vector<int> expand_tasks_per_node(std::string_view text, std::string_view what);

/// From SLURM_STEP_NODELIST and SLURM_STEP_TASKS_PER_NODE, or else SLURM_JOB_NODELIST (SLURM_NODELIST) and
/// SLURM_TASKS_PER_NODE; nothing outside of Slurm. Throws ConfigError for values that do not fit together.
std::optional<SlurmAllocation> read_slurm_allocation(const Environment& environment);

/// Where a node stands: SLURM_TOPOLOGY_ADDR, which names the switches from the top down to the node.
///   "s[4-7].s0.tux3" with the pattern "switch.switch.node" → above "s[4-7]", "s0"; node "tux3"
struct TopologyAddress {
  std::string node;
  std::vector<std::string> above;  // the top first; several switches of a level are one entry

  bool operator==(const TopologyAddress&) const = default;
};

/// Names may hold dots themselves: what `pattern` cannot tell apart counts as one switch.
TopologyAddress read_topology_address(std::string_view address, std::string_view pattern);

/// The addresses of all nodes together, as a file would say it.
SlurmTopology topology_of(const std::vector<TopologyAddress>& addresses);

}  // namespace ditmesh

#pragma once
// What this host looks like, put together from hwloc, NVML and sysfs.

#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/discovery/host_tree.hpp"
#include "ditmesh/discovery/network.hpp"
#include "ditmesh/discovery/nvml.hpp"
#include "ditmesh/topology/topology_reader.hpp"

namespace ditmesh {

/// A cluster of this one node. Devices are its GPUs; without any, its cores. GPUs that should not be used are
/// unhealthy, and told in the remarks. PCIe links are as fast as sysfs says they can be.
TopologyReading cluster_of(const HostTree& tree, const std::vector<NvmlGpu>& gpus,
                           const std::vector<FoundNic>& nics, const std::filesystem::path& sysfs,
                           const std::string& host);

/// The same, looked up on this host, with the GPUs that `gpus` has: of other processes too.
TopologyReading discover_this_node(const std::string& host, const std::vector<NvmlGpu>& gpus);

/// The same with the GPUs that this process sees.
TopologyReading discover_this_node(const std::string& host);

}  // namespace ditmesh

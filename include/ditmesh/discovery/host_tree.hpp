#pragma once
// NUMA domains, cores and the PCIe tree of this host, as hwloc sees them.

#include <cstdint>
#include <string>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// A PCI function: a GPU, a NIC, or anything else.
struct PciFunction {
  std::string bus_id{};  // "0000:0f:00.0", lower case
  int vendor = 0;
  int device = 0;
  int device_class = 0;  // 0x0302: a 3D controller
  int place = -1;        // of HostTree::places

  bool operator==(const PciFunction&) const = default;
};

struct HostTree {
  std::vector<Place> places{};  // NUMA domains, host bridges, PCIe switches; parents first
  std::vector<PciFunction> functions{};
  struct Core {
    int thread = 0;              // the number of its first hardware thread
    int place = -1;              // its NUMA domain
    std::vector<int> threads{};  // all of its hardware threads
  };
  std::vector<Core> cores{};
  uint64_t memory_bytes = 0;

  /// nullptr if there is no such function.
  const PciFunction* find(const std::string& bus_id) const;
};

/// The cores of each NUMA domain, hardware threads of one core side by side.
std::vector<std::vector<int>> numa_domains(const HostTree& tree);

/// Of this host, or of the one whose hwloc XML is given. A bridge with several children that lead to
/// functions is a switch; others are the ports of one. Throws EnvironmentError if hwloc fails.
HostTree read_host_tree(const std::string& hwloc_xml = {});

}  // namespace ditmesh

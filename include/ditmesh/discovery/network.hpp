#pragma once
// The network adapters of this host, from sysfs.

#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

struct FoundNic {
  std::string name{};  // "mlx5_0", "eth0"
  NicKind kind = NicKind::unknown;
  std::string bus_id{};    // of its PCI function; empty for virtual ones without
  double bytes_per_s = 0;  // as signalled; 0: it does not say

  bool operator==(const FoundNic&) const = default;
};

/// Adapters whose link is up: InfiniBand, RoCE and EFA from class/infiniband, Slingshot and the
/// others from class/net; what both show is told once. Bridges, tunnels and the like are left out.
/// Those of class/infiniband first, by name and number. `sysfs` is /sys, or a copy of it.
std::vector<FoundNic> find_nics(const std::filesystem::path& sysfs);

}  // namespace ditmesh

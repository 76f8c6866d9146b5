#pragma once
// Small machines as the readers' sources would print them, made up for the tests.

#include <string>
#include <string_view>

#include "ditmesh/topology/cluster.hpp"
#include "ditmesh/topology/node_reading.hpp"

namespace ditmesh {

/// Two sockets, five GPUs, three NICs; every relation there is.
///
///   numa0 ── bridge0 ┬ switch0 ┬ switch1: gpu0, mlx5_0
///     │              │         └ gpu1
///     └ gpu2         └ mlx5_1                 NVLink: gpu0-gpu1 by 4, gpu3-gpu4 by 2
///   numa1 ── switch2: gpu3, mlx5_bond_0
///     └ gpu4
constexpr std::string_view kSmiTable =
    "\tGPU0\tGPU1\tGPU2\tGPU3\tGPU4\tNIC0\tNIC1\tNIC2\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\n"
    "GPU0\t X \tNV4\tNODE\tSYS\tSYS\tPIX\tPHB\tSYS\t0-3,8-11\t0\t\tN/A\n"
    "GPU1\tNV4\t X \tNODE\tSYS\tSYS\tPXB\tPHB\tSYS\t0-3,8-11\t0\t\tN/A\n"
    "GPU2\tNODE\tNODE\t X \tSYS\tSYS\tNODE\tNODE\tSYS\t0-3,8-11\t0\t\tN/A\n"
    "GPU3\tSYS\tSYS\tSYS\t X \tNV2\tSYS\tSYS\tPIX\t4-7,12-15\t1\t\tN/A\n"
    "GPU4\tSYS\tSYS\tSYS\tNV2\t X \tSYS\tSYS\tNODE\t4-7,12-15\t1\t\tN/A\n"
    "NIC0\tPIX\tPXB\tNODE\tSYS\tSYS\t X \tPHB\tSYS\t\t\t\t\n"
    "NIC1\tPHB\tPHB\tNODE\tSYS\tSYS\tPHB\t X \tSYS\n"
    "NIC2\tSYS\tSYS\tSYS\tPIX\tNODE\tSYS\tSYS\t X \t\n"
    "\n"
    "Legend:\n"
    "\n"
    "  X    = the device itself\n"
    "  SYS  = by way of two sockets\n"
    "  NODE = by way of two host bridges\n"
    "  PIX  = by one bridge\n"
    "  NV#  = by # NVLinks\n"
    "\n"
    "NIC Legend:\n"
    "\n"
    "  NIC0: mlx5_0\n"
    "  NIC1: mlx5_1\n"
    "  NIC2: mlx5_bond_0\n";

/// Two sockets: a switch with a GPU and a NIC of two ports below, and a GPU of its own.
constexpr std::string_view kNcclXml = R"(<?xml version="1.0"?>
<!-- made up for a test -->
<system version="1">
  <cpu numaid="0" affinity="00ff" arch="x86_64">
    <pci busid="0000:10:00.0" class="0x060400" link_speed="32.0 GT/s PCIe" link_width="16">
      <pci busid="0000:12:00.0" class="0x030200" device="0x2330" link_speed="32.0 GT/s PCIe" link_width="16">
        <gpu dev="0" sm="90" rank="0" gdr="1">
          <nvlink target="0000:92:00.0" count="4" tclass="0x030200"/>
        </gpu>
      </pci>
      <pci busid="0000:13:00.0" class="0x020700" link_speed="16.0 GT/s PCIe" link_width="8">
        <nic>
          <net name="mlx5_0" dev="0" speed="200000" port="1" latency="0.000000" gdr="1"/>
          <net name="mlx5_0" dev="1" speed="100000" port="2" latency="0.000000" gdr="1"/>
        </nic>
      </pci>
    </pci>
  </cpu>
  <cpu numaid="1" affinity="ff00" arch="x86_64">
    <pci busid="0000:92:00.0" class="0x030200" device="0x2330" link_speed="" link_width="0">
      <gpu dev="1" sm="90" rank="1" gdr="1">
        <nvlink target="0000:12:00.0" count="4" tclass="0x030200"/>
      </gpu>
    </pci>
    <nic>
      <net name="eth0" dev="2" speed="10000" port="0" latency="0.000000" gdr="0"/>
    </nic>
  </cpu>
</system>
)";

/// Throws ConfigError if the reading could not be part of a cluster.
inline void check_reading(const NodeReading& reading) {
  Cluster cluster;
  cluster.types = {reading.type};
  cluster.types[0].name = "type";
  cluster.nodes = {{.name = "node", .leaves = std::vector<int>(reading.type.nics.size(), -1)}};
  check_cluster(cluster);
}

/// `text` with all `from` replaced.
inline std::string replaced(std::string text, std::string_view from, std::string_view by) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + by.size())) {
    text.replace(at, from.size(), by);
  }
  return text;
}

/// The places from a NUMA domain to where something stands, "numa0 bridge0 switch1"; empty for -1.
inline std::string path_of(const NodeType& type, int place) {
  std::string path;
  for (; place != -1; place = type.places[static_cast<size_t>(place)].parent) {
    path = type.places[static_cast<size_t>(place)].name + (path.empty() ? "" : " ") + path;
  }
  return path;
}

}  // namespace ditmesh

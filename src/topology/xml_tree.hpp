#pragma once
// An NCCL topology as its elements say it: places, and what stands in them, before anything is numbered or
// named.
//
//   <system version="1">
//     <cpu numaid="0" affinity="0000ffff">            a NUMA domain
//       <pci busid="…:16:00.0" class="0x060400">      its host bridge, and a switch
//         <pci busid="…:1b:00.0" class="0x030200">    a device
//           <gpu dev="0"> <nvlink target="…"/>
//         <pci busid="…:18:00.0" class="0x020700">
//           <nic> <net name="mlx5_0" port="1"/>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

struct XmlNvlink {
  std::string target{};  // a PCI address, as written
  int count = 0;
  int target_class = -1;
};

/// A PCI device; what is not said is empty or -1.
struct XmlPci {
  std::string bus_id{};  // canonical
  int pci_class = -1;    // 0x030200
  int vendor = -1;
  std::string device{};  // "0x2330"
  Link link{};
  int place = -1;
};

struct XmlGpu {
  XmlPci pci{};
  std::optional<int64_t> number{};  // its attribute dev
  std::vector<XmlNvlink> nvlinks{};
  bool has_c2c = false;
  bool has_xgmi = false;
};

struct XmlNet {
  XmlPci pci{};
  std::string name{};
  std::string port{};
  double bytes_per_s = 0;
  double latency_s = 0;
  bool gpu_direct = false;
};

struct XmlTree {
  std::vector<Place> places{};
  std::vector<XmlPci> leaves{};  // PCI devices that hold no others
  std::vector<XmlGpu> gpus{};
  std::vector<XmlNet> nets{};
  bool has_classes = false;
};

/// Adds to `remarks` what had to be assumed. Throws ConfigError for what is no NCCL topology.
XmlTree read_xml_tree(std::string_view text, const std::string& name, std::vector<std::string>& remarks);

/// NVLinks between the devices, and to NVSwitches; `gpus[i]` is `type.devices[i]`.
void add_xml_nvlinks(const std::vector<XmlGpu>& gpus, NodeType& type, std::vector<std::string>& remarks);

}  // namespace ditmesh

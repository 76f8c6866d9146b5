#pragma once
// What a machine looks like: nodes, devices, NICs, switches, and the links between them. A pure value.
//
// A node is a tree of places: NUMA domains hold host bridges, these hold PCIe switches (nested or not), and
// devices and NICs stand in any of them. Beside the tree, NVLink joins devices pair by pair or through
// NVSwitches, which may reach over several nodes. NICs are plugged into leaf switches, these into others.
//
//   numa0 ── bridge0 ── switch0 ── gpu0            node n0: mlx5_0 ── leaf0 ┐
//     │                    └────── mlx5_0          node n1: mlx5_0 ── leaf0 ├ spine
//   numa1 ── bridge1 ── gpu1                       node n2: mlx5_0 ── leaf1 ┘

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/topology/curve.hpp"

namespace ditmesh {

/// One direction of a link, as programs reach it, not as it is signalled.
struct Link {
  double bytes_per_s = 0;
  double latency_s = 0;

  bool operator==(const Link&) const = default;
};

enum class PlaceKind { numa, host_bridge, pcie_switch };
std::string_view to_string(PlaceKind kind);

/// A part of a node that holds devices and NICs, or other places.
struct Place {
  std::string name{};
  PlaceKind kind = PlaceKind::numa;
  int parent = -1;           // index of a place before this one; none for a NUMA domain
  Link uplink{};             // to the parent; of a NUMA domain to the others
  int numa_id = -1;          // of a NUMA domain, as the kernel numbers them; -1: the source does not say
  std::vector<int> cores{};  // of a NUMA domain

  bool operator==(const Place&) const = default;
};

struct Device {
  std::string name{};      // "gpu0", unique in its node
  std::string model{};     // of Cluster::models; empty if the source does not say
  std::string bus_id{};    // "0000:0f:00.0", or empty
  std::string pci_id{};    // "0x2330", as in DeviceModel::pci_ids, or empty
  int place = -1;          // of NodeType::places; -1: the source does not say
  Link pcie{};             // to its place
  int nvswitch_links = 0;  // NVLinks into NVSwitches

  bool operator==(const Device&) const = default;
};

enum class NicKind { infiniband, roce, efa, slingshot, ethernet, unknown };
std::string_view to_string(NicKind kind);

struct Nic {
  std::string name{};  // "mlx5_0", unique in its node
  std::string bus_id{};
  NicKind kind = NicKind::unknown;
  int place = -1;
  Link link{};  // to its leaf switch; links whose bandwidth a source does not say have 0

  bool operator==(const Nic&) const = default;
};

/// NVLinks that join two devices directly.
struct NvlinkPair {
  int a = 0;  // < b, of NodeType::devices
  int b = 0;
  int links = 0;

  bool operator==(const NvlinkPair&) const = default;
};

/// Nodes that are built alike.
struct NodeType {
  std::string name{};
  std::vector<Place> places{};  // parents first
  std::vector<Device> devices{};
  std::vector<Nic> nics{};
  std::vector<NvlinkPair> nvlinks{};
  bool peer_to_peer = true;  // devices read each other's memory over PCIe; else all goes through the host's

  bool operator==(const NodeType&) const = default;
};

struct Node {
  std::string name{};
  int type = 0;                  // of Cluster::types
  std::vector<int> leaves{};     // of each NIC: Cluster::switches; -1: not plugged in
  int nvlink_domain = -1;        // nodes of one domain share NVSwitches; -1: those of this node alone
  std::vector<int> unhealthy{};  // devices that must not be used, ascending

  bool operator==(const Node&) const = default;
};

/// A network switch, or several that act as one.
struct Switch {
  std::string name{};
  int parent = -1;  // index of a switch
  Link uplink{};    // all of its uplinks together; bandwidth 0: as much as comes from below

  bool operator==(const Switch&) const = default;
};

enum class DeviceKind { gpu, cpu };

/// How much of what a device could do programs get; `ditmesh bench --calibrate` measures it. Shares of the
/// peak of the dtype, or of the memory's bandwidth.
struct MeasuredSpeed {
  Curve gemm{};            // by the rows of the activations, for weights of some thousand rows and columns
  Curve attention{};       // by query rows × heads
  double convolution = 0;  // 3 × 3, of 128 to 512 channels
  double memory = 0;       // large elementwise kernels
  double kernel_s = 0;     // from one small kernel to the next, as LibTorch launches them

  bool operator==(const MeasuredSpeed&) const = default;
};

/// What one device can do; from topology/devices.
struct DeviceModel {
  std::string name{};  // "h100-sxm"
  DeviceKind kind = DeviceKind::gpu;
  std::vector<std::string> also_called{};  // as its driver or NVML name it
  std::vector<std::string> pci_ids{};      // "0x2330"
  uint64_t memory_bytes = 0;
  double memory_bytes_per_s = 0;               // 0: not known
  std::map<std::string, double> peak_flops{};  // by dtype: "bf16", dense
  Link nvlink{};                               // one of its NVLinks; bandwidth 0: it has none
  Link pcie{};                                 // the slot it usually sits in
  std::optional<MeasuredSpeed> measured{};     // none: those of a device like it are scaled

  bool operator==(const DeviceModel&) const = default;
};

/// Where a device is: its node, and its number there.
struct DeviceId {
  int node = 0;
  int device = 0;

  auto operator<=>(const DeviceId&) const = default;
};

/// Of repeated measurements.
struct Spread {
  double least = 0;
  double median = 0;
  double most = 0;

  bool operator==(const Spread&) const = default;
};

/// A transfer that was timed.
struct Measurement {
  int from_node = 0;  // of Cluster::nodes
  int to_node = 0;
  std::string from{};  // "rank 0 (cores 0-7)": its memory; "gpu0"; "host memory"
  std::string to{};
  std::string way{};  // "NUMA domain", as of a Level
  std::string by{};   // what moved the data: "MPI", "copy"
  Spread latency_s{};
  Spread bytes_per_s{};

  bool operator==(const Measurement&) const = default;
};

struct Cluster {
  std::string name{};
  std::string description{};
  std::vector<NodeType> types{};
  std::vector<Node> nodes{};
  std::vector<Switch> switches{};  // parents may come later
  std::map<std::string, DeviceModel> models{};
  std::vector<Measurement> measured{};

  const NodeType& type_of(const Node& node) const { return types[static_cast<size_t>(node.type)]; }
  const Device& device(DeviceId id) const;
  /// "n0:gpu3"
  std::string name_of(DeviceId id) const;
  /// All devices that may be used, node by node.
  std::vector<DeviceId> healthy_devices() const;

  bool operator==(const Cluster&) const = default;
};

/// Throws ConfigError naming node, field and rule if indices, names or numbers do not fit together.
void check_cluster(const Cluster& cluster);

}  // namespace ditmesh

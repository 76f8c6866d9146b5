#pragma once
// The way from device to device: over which links, how fast, how near.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// The dearest part of a way, cheapest first. The PCIe levels are those that nvidia-smi calls PIX or PXB,
/// PHB, NODE and SYS.
enum class Level { self, nvlink, pcie_switch, host_bridge, numa, socket, leaf, spine };
std::string_view to_string(Level level);

/// Levels up to this one do not leave the node, but for NVLink domains of several nodes.
inline constexpr Level kLastInNode = Level::socket;

inline constexpr size_t kNumLevels = static_cast<size_t>(Level::spine) + 1;
/// A number for each level.
using PerLevel = std::array<double, kNumLevels>;

struct Route {
  Level level = Level::self;
  double bytes_per_s = 0;    // of the narrowest link; 0: nothing is moved
  double latency_s = 0;      // of all links together
  std::vector<int> links{};  // of Router::link, from first to last

  bool operator==(const Route&) const = default;
};

/// Ways through a cluster. Every direction of every link has a number, so that whoever plans traffic can add
/// up what shares it.
class Router {
 public:
  /// Links whose bandwidth the cluster does not say get a typical one. Keeps a copy.
  explicit Router(Cluster cluster);

  const Cluster& cluster() const { return cluster_; }

  /// NVLink if there is one, else PCIe; between nodes the NICs nearest to the devices. With a leaf switch for
  /// each rail, data changes to the receiver's rail over NVLink before it leaves the node (NCCL calls it
  /// PXN).
  Route route(DeviceId from, DeviceId to) const;
  Level level(DeviceId from, DeviceId to) const { return route(from, to).level; }

  int num_links() const { return static_cast<int>(links_.size()); }
  const Link& link(int number) const { return links_[static_cast<size_t>(number)]; }
  /// "dgx1: gpu0 → switch0"
  std::string link_name(int number) const;

 private:
  // Where the links of a node begin in links_; those of a type stand in the same order on each of its nodes:
  // devices, places, NVSwitch ports, NVLink pairs, NICs; each up (out), then down (in).
  struct TypePlan {
    std::vector<int> nvlink_pair;  // devices × devices: of NodeType::nvlinks; -1
    int first_place = 0;           // within the node's links
    int first_port = 0;
    int first_pair = 0;
    int first_nic = 0;
    int size = 0;
  };

  void plan_type(const NodeType& type);
  void add_links(const Node& node);
  void choose_nics(const Node& node);
  bool share_nvswitches(DeviceId from, DeviceId to) const;
  void add(Route& route, int link, Level level) const;
  void climb(Route& route, int node, int from_place, int to_place) const;
  void add_in_node(Route& route, int node, int from, int to) const;
  void cross_network(Route& route, DeviceId from, DeviceId to) const;
  void go_to_nic(Route& route, DeviceId id, bool is_sender) const;
  void cross_switches(Route& route, int from_leaf, int to_leaf) const;
  int nic_of(DeviceId id) const;
  int leaf_of(DeviceId id) const;
  bool has_nvlink(DeviceId from, DeviceId to) const;
  DeviceId on_rail_of(DeviceId from, DeviceId to) const;

  Cluster cluster_;
  std::vector<TypePlan> plans_;
  std::vector<int> first_link_;         // of each node
  std::vector<std::vector<int>> nics_;  // of each node's devices; -1: none
  int first_switch_link_ = 0;
  std::vector<Link> links_;
};

}  // namespace ditmesh

#include "ditmesh/topology/cluster.hpp"

#include <algorithm>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"

namespace ditmesh {

std::string_view to_string(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::numa:
      return "numa";
    case PlaceKind::host_bridge:
      return "host_bridge";
    case PlaceKind::pcie_switch:
      return "pcie_switch";
  }
  return "?";
}

std::string_view to_string(NicKind kind) {
  switch (kind) {
    case NicKind::infiniband:
      return "infiniband";
    case NicKind::roce:
      return "roce";
    case NicKind::efa:
      return "efa";
    case NicKind::slingshot:
      return "slingshot";
    case NicKind::ethernet:
      return "ethernet";
    case NicKind::unknown:
      return "unknown";
  }
  return "?";
}

const Device& Cluster::device(DeviceId id) const {
  return type_of(nodes[static_cast<size_t>(id.node)]).devices[static_cast<size_t>(id.device)];
}

std::string Cluster::name_of(DeviceId id) const {
  return cat(nodes[static_cast<size_t>(id.node)].name, ":", device(id).name);
}

std::vector<DeviceId> Cluster::healthy_devices() const {
  std::vector<DeviceId> ids;
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    const std::vector<int>& unhealthy = nodes[static_cast<size_t>(node)].unhealthy;
    const int count = static_cast<int>(type_of(nodes[static_cast<size_t>(node)]).devices.size());
    for (int device = 0; device < count; ++device) {
      if (!std::binary_search(unhealthy.begin(), unhealthy.end(), device)) ids.push_back({node, device});
    }
  }
  return ids;
}

namespace {

constexpr size_t kMaxPerNode = 1024;

[[noreturn]] void refuse(const std::string& where, const std::string& rule) {
  throw ConfigError(cat(where, " ", rule), "correct the description: topology/README.md lists the fields");
}

template <typename Things>
void check_names(const Things& things, const std::string& where, std::string_view noun) {
  std::set<std::string_view> names;
  for (const auto& thing : things) {
    if (thing.name.empty()) refuse(where, cat("has a ", noun, " without a name"));
    if (printable(thing.name, thing.name.size()) != thing.name) {
      refuse(where, cat("has a ", noun, " '", printable(thing.name, 80),
                        "', whose name is not UTF-8 or has control characters"));
    }
    if (!names.insert(thing.name).second)
      refuse(where, cat("has two of the name ", noun, " '", thing.name, "'"));
  }
}

void check_index(int64_t index, size_t size, const std::string& where, std::string_view field) {
  if (index < 0 || index >= static_cast<int64_t>(size)) {
    refuse(where, cat("has ", field, " ", index, ", there are ", size));
  }
}

void check_link(const Link& link, const std::string& where) {
  if (!(link.bytes_per_s >= 0) || !(link.latency_s >= 0)) {
    refuse(where, cat("has a bandwidth of ", link.bytes_per_s, " bytes/s and a latency of ", link.latency_s,
                      " s, neither can be negative"));
  }
}

void check_type(const NodeType& type, const std::map<std::string, DeviceModel>& models) {
  const std::string where = cat("node type '", type.name, "'");
  check_names(type.places, where, "place");
  check_names(type.devices, where, "device");
  check_names(type.nics, where, "nic");
  if (std::max(type.devices.size(), type.nics.size()) > kMaxPerNode) {
    refuse(where, cat("has ", type.devices.size(), " devices and ", type.nics.size(), " NICs, more than ",
                      kMaxPerNode, " of a kind stand in no node"));
  }
  for (size_t i = 0; i < type.places.size(); ++i) {
    const Place& place = type.places[i];
    const std::string place_name = cat(where, ": place '", place.name, "'");
    check_link(place.uplink, place_name);
    if (place.kind == PlaceKind::numa ? place.parent != -1 : place.parent < 0) {
      refuse(place_name, place.kind == PlaceKind::numa ? "is a NUMA domain, which stands in no other place"
                                                       : "stands in no place, only NUMA domains may");
    }
    if (place.parent >= static_cast<int>(i)) refuse(place_name, "comes before the place it stands in");
  }
  for (const Device& device : type.devices) {
    const std::string device_name = cat(where, ": device '", device.name, "'");
    if (device.place != -1) check_index(device.place, type.places.size(), device_name, "place");
    if (!device.model.empty() && !models.contains(device.model)) {
      refuse(device_name, cat("is of the model '", device.model, "', which the cluster does not describe"));
    }
    check_link(device.pcie, device_name);
    if (device.nvswitch_links < 0)
      refuse(device_name, cat("has ", device.nvswitch_links, " links to NVSwitches"));
  }
  for (const Nic& nic : type.nics) {
    const std::string nic_name = cat(where, ": nic '", nic.name, "'");
    if (nic.place != -1) check_index(nic.place, type.places.size(), nic_name, "place");
    check_link(nic.link, nic_name);
  }
  for (const NvlinkPair& pair : type.nvlinks) {
    const std::string pair_name = cat(where, ": NVLink ", pair.a, "-", pair.b);
    check_index(pair.a, type.devices.size(), pair_name, "device");
    check_index(pair.b, type.devices.size(), pair_name, "device");
    if (pair.a >= pair.b) refuse(pair_name, "must name the lower device first, and two of them");
    if (pair.links < 1) refuse(pair_name, cat("has ", pair.links, " links"));
  }
}

void check_switches(const std::vector<Switch>& switches) {
  check_names(switches, "the network", "switch");
  for (const Switch& leaf : switches) {
    check_link(leaf.uplink, cat("switch '", leaf.name, "'"));
    if (leaf.parent != -1)
      check_index(leaf.parent, switches.size(), cat("switch '", leaf.name, "'"), "parent");
    size_t steps = 0;
    for (int up = leaf.parent; up != -1; up = switches[static_cast<size_t>(up)].parent) {
      check_index(up, switches.size(), cat("switch '", leaf.name, "'"), "a parent's parent");
      if (++steps > switches.size())
        refuse(cat("switch '", leaf.name, "'"), "is above itself: switches form a tree");
    }
  }
}

void check_spread(const Spread& spread, const std::string& where, std::string_view what) {
  if (!(spread.least >= 0) || !(spread.least <= spread.median) || !(spread.median <= spread.most)) {
    refuse(where, cat("has a ", what, " of ", spread.least, " to ", spread.most, " with the median ",
                      spread.median));
  }
}

void check_measurement(const Measurement& measurement, size_t num_nodes, const std::string& where) {
  check_index(measurement.from_node, num_nodes, where, "node");
  check_index(measurement.to_node, num_nodes, where, "node");
  for (const std::string* text : {&measurement.from, &measurement.to, &measurement.way, &measurement.by}) {
    if (text->empty() || printable(*text, text->size()) != *text)
      refuse(where, cat("has a text '", printable(*text, 80), "' that is empty or not printable"));
  }
  check_spread(measurement.latency_s, where, "latency");
  check_spread(measurement.bytes_per_s, where, "bandwidth");
}

}  // namespace

void check_cluster(const Cluster& cluster) {
  if (cluster.nodes.empty()) refuse("the cluster", "has no node");
  check_names(cluster.types, "the cluster", "node type");
  check_names(cluster.nodes, "the cluster", "node");
  for (const NodeType& type : cluster.types) check_type(type, cluster.models);
  check_switches(cluster.switches);
  for (const Node& node : cluster.nodes) {
    const std::string where = cat("node '", node.name, "'");
    check_index(node.type, cluster.types.size(), where, "type");
    const NodeType& type = cluster.type_of(node);
    if (node.leaves.size() != type.nics.size()) {
      refuse(where, cat("is plugged into ", node.leaves.size(), " leaf switches, its type '", type.name,
                        "' has ", counted(static_cast<int64_t>(type.nics.size()), "NIC")));
    }
    for (const int leaf : node.leaves) {
      if (leaf != -1) check_index(leaf, cluster.switches.size(), where, "leaf switch");
    }
    for (size_t i = 0; i < node.unhealthy.size(); ++i) {
      check_index(node.unhealthy[i], type.devices.size(), where, "unhealthy device");
      if (i > 0 && node.unhealthy[i] <= node.unhealthy[i - 1])
        refuse(where, "names an unhealthy device twice, or out of order");
    }
  }
  for (size_t i = 0; i < cluster.measured.size(); ++i)
    check_measurement(cluster.measured[i], cluster.nodes.size(), cat("measured[", i, "]"));
}

}  // namespace ditmesh

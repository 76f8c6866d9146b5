#include "ditmesh/topology/cluster_text.hpp"

#include <algorithm>
#include <map>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cpu_list.hpp"
#include "ditmesh/topology/hostlist.hpp"
#include "ditmesh/topology/measurements.hpp"
#include "ditmesh/topology/route.hpp"

namespace ditmesh {

namespace {

constexpr int kMaxColumns = 16;  // of the table of a node's devices

std::string speed(const Link& link) {
  return cat(fixed(link.bytes_per_s / 1e9, link.bytes_per_s < 1e10 ? 1 : 0), " GB/s");
}

// "~" before what is assumed.
std::string speed(const Link& said, const Link& used) {
  return cat(said.bytes_per_s > 0 ? " " : " ~", speed(used));
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// "gpu[0-1]: h100-sxm 50 GB/s" for the devices of a place that are alike, and the same for NICs.
template <typename Things, typename Describe>
std::vector<std::string> grouped(const Things& things, int place, const Describe& describe) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (size_t i = 0; i < things.size(); ++i) {
    if (things[i].place != place) continue;
    const std::string text = describe(i);
    if (groups.empty() || groups.back().first != text) groups.push_back({text, {}});
    groups.back().second.push_back(things[i].name);
  }
  std::vector<std::string> lines;
  for (const auto& [text, names] : groups) lines.push_back(cat(compress_hostlist(names), ": ", text));
  return lines;
}

class TypePicture {
 public:
  /// `used` has the links of `type`, and those that are assumed.
  TypePicture(const NodeType& type, const NodeType& used) : type_(type), used_(used) {}

  std::string draw() {
    add_things(-1, 1);
    for (int place = 0; place < static_cast<int>(type_.places.size()); ++place) {
      if (type_.places[static_cast<size_t>(place)].parent == -1) add_place(place, 1);
    }
    add_nvlink();
    if (!type_.peer_to_peer)
      add_line(1, "no peer-to-peer: data between devices goes through the host's memory");
    return text_;
  }

 private:
  void add_line(int depth, const std::string& text) {
    text_ += std::string(static_cast<size_t>(2 * depth), ' ') + text + "\n";
  }

  void add_place(int index, int depth) {
    const Place& place = type_.places[static_cast<size_t>(index)];
    std::string line = place.name;
    if (place.kind == PlaceKind::numa) {
      line += place.cores.empty() ? "" : " cores " + cpu_list(place.cores);
    } else {
      line += cat(place.kind == PlaceKind::host_bridge ? " host bridge" : " PCIe switch",
                  speed(place.uplink, used_.places[static_cast<size_t>(index)].uplink));
    }
    add_line(depth, line);
    add_things(index, depth + 1);
    for (int child = index + 1; child < static_cast<int>(type_.places.size()); ++child) {
      if (type_.places[static_cast<size_t>(child)].parent == index) add_place(child, depth + 1);
    }
  }

  void add_things(int place, int depth) {
    const auto device_text = [&](size_t i) {
      const Device& device = type_.devices[i];
      return cat(device.model.empty() ? "device of an unknown model" : device.model,
                 speed(device.pcie, used_.devices[i].pcie));
    };
    const auto nic_text = [&](size_t i) {
      const Nic& nic = type_.nics[i];
      return cat(nic.kind == NicKind::unknown ? "network" : to_string(nic.kind),
                 speed(nic.link, used_.nics[i].link));
    };
    for (const std::string& line : grouped(type_.devices, place, device_text)) add_line(depth, line);
    for (const std::string& line : grouped(type_.nics, place, nic_text)) add_line(depth, line);
  }

  void add_nvlink() {
    std::map<int, std::vector<std::string>> switched;
    for (const Device& device : type_.devices) {
      if (device.nvswitch_links > 0) switched[device.nvswitch_links].push_back(device.name);
    }
    for (const auto& [links, names] : switched) {
      add_line(1, cat("NVSwitch: ", compress_hostlist(names), " by ", counted(links, "link"), " each"));
    }
    std::map<int, std::vector<std::string>> direct;
    for (const NvlinkPair& pair : type_.nvlinks) {
      direct[pair.links].push_back(cat(type_.devices[static_cast<size_t>(pair.a)].name, "-",
                                       type_.devices[static_cast<size_t>(pair.b)].name));
    }
    for (const auto& [links, pairs] : direct)
      add_line(1, cat("NVLink, ", counted(links, "link"), " each: ", join(pairs, " ")));
  }

  const NodeType& type_;
  const NodeType& used_;
  std::string text_;
};

// "h100-sxm (79.6 GiB)"
std::string model_text(const Cluster& cluster, const std::string& name) {
  if (name.empty()) return "devices of an unknown model";
  return cat(name, " (", human_bytes(cluster.models.at(name).memory_bytes), ")");
}

std::string device_counts(const Cluster& cluster) {
  std::map<std::string, int64_t> counts;
  for (const DeviceId id : cluster.healthy_devices()) ++counts[cluster.device(id).model];
  std::vector<std::string> parts;
  for (const auto& [model, count] : counts) parts.push_back(cat(count, " × ", model_text(cluster, model)));
  int64_t num_unhealthy = 0;
  for (const Node& node : cluster.nodes) num_unhealthy += static_cast<int64_t>(node.unhealthy.size());
  const std::string rest =
      num_unhealthy > 0 ? cat(" (and ", num_unhealthy, " not to be used)") : std::string();
  return (parts.empty() ? "no device" : join(parts, ", ")) + rest;
}

// Nodes that differ only in their name, in order.
std::vector<std::vector<const Node*>> alike(const Cluster& cluster) {
  std::vector<std::vector<const Node*>> groups;
  for (const Node& node : cluster.nodes) {
    Node unnamed = node;
    if (!groups.empty()) {
      unnamed.name = groups.back()[0]->name;
      if (unnamed == *groups.back()[0]) {
        groups.back().push_back(&node);
        continue;
      }
    }
    groups.push_back({&node});
  }
  return groups;
}

std::string leaves_text(const Cluster& cluster, const Node& node) {
  std::vector<std::string> names;
  for (const int leaf : node.leaves) {
    if (leaf == -1) continue;
    const std::string& name = cluster.switches[static_cast<size_t>(leaf)].name;
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names.empty() ? "" : cat(" under ", compress_hostlist(names));
}

std::string nodes_text(const Cluster& cluster) {
  std::string text;
  for (const auto& group : alike(cluster)) {
    std::vector<std::string> names;
    for (const Node* node : group) names.push_back(node->name);
    const Node& first = *group[0];
    const NodeType& type = cluster.type_of(first);
    text += cat("  ", compress_hostlist(names), ": ", counted(static_cast<int64_t>(names.size()), "node"),
                " of type ", type.name, leaves_text(cluster, first));
    if (first.nvlink_domain != -1) text += cat(", NVLink domain ", first.nvlink_domain);
    std::vector<std::string> unhealthy;
    for (const int device : first.unhealthy)
      unhealthy.push_back(type.devices[static_cast<size_t>(device)].name);
    if (!unhealthy.empty()) text += cat(", not to be used: ", join(unhealthy, " "));
    text += "\n";
  }
  return text;
}

std::string switches_text(const Cluster& cluster) {
  std::string text;
  for (size_t i = 0; i < cluster.switches.size();) {  // those alike in one line
    const Switch& first = cluster.switches[i];
    std::vector<std::string> names;
    for (; i < cluster.switches.size(); ++i) {
      const Switch& next = cluster.switches[i];
      if (next.parent != first.parent || next.uplink != first.uplink) break;
      names.push_back(next.name);
    }
    text += cat("  ", compress_hostlist(names));
    if (first.parent != -1) {
      const std::string how_fast = first.uplink.bytes_per_s > 0 ? speed(first.uplink) + " → " : "";
      text += cat(" → ", how_fast, cluster.switches[static_cast<size_t>(first.parent)].name);
    }
    text += "\n";
  }
  return text;
}

std::string short_name(Level level) {
  switch (level) {
    case Level::self:
      return "-";
    case Level::nvlink:
      return "NVL";
    case Level::pcie_switch:
      return "PIX";
    case Level::host_bridge:
      return "PHB";
    case Level::numa:
      return "NODE";
    case Level::socket:
      return "SYS";
    case Level::leaf:
      return "leaf";
    case Level::spine:
      return "spine";
  }
  return "?";
}

// Level and GB/s from each device of a node to each.
std::string matrix_text(const Router& router, int node) {
  const NodeType& type = router.cluster().type_of(router.cluster().nodes[static_cast<size_t>(node)]);
  const int count = static_cast<int>(type.devices.size());
  if (count < 2) return "";
  const int shown = std::min(count, kMaxColumns);
  std::string text =
      cat("  way and GB/s between its devices", shown < count ? cat(" (the first ", shown, ")") : "", "\n");
  size_t width = 10;
  for (int i = 0; i < shown; ++i)
    width = std::max(width, type.devices[static_cast<size_t>(i)].name.size() + 1);
  text += "  " + std::string(width, ' ');
  for (int i = 0; i < shown; ++i) {
    const std::string& name = type.devices[static_cast<size_t>(i)].name;
    text += i + 1 == shown ? name : padded(name, width);
  }
  text += "\n";
  for (int row = 0; row < shown; ++row) {
    text += "  " + padded(type.devices[static_cast<size_t>(row)].name, width);
    for (int column = 0; column < shown; ++column) {
      const Route route = router.route({node, row}, {node, column});
      const std::string cell = row == column
                                   ? "-"
                                   : cat(short_name(route.level), " ",
                                         fixed(route.bytes_per_s / 1e9, route.bytes_per_s < 1e11 ? 1 : 0));
      text += column + 1 == shown ? cell : padded(cell, width);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string to_text(const Cluster& cluster) {
  const Router router(cluster);
  std::string text = cluster.name + (cluster.description.empty() ? "" : ": " + cluster.description) + "\n";
  text +=
      cat(counted(static_cast<int64_t>(cluster.nodes.size()), "node"), ", ", device_counts(cluster), "\n");
  for (size_t i = 0; i < cluster.types.size(); ++i) {
    text += cat("\nnode type ", cluster.types[i].name, "\n",
                TypePicture(cluster.types[i], router.cluster().types[i]).draw());
    const auto is_of_type = [&](const Node& node) { return node.type == static_cast<int>(i); };
    const auto node = std::find_if(cluster.nodes.begin(), cluster.nodes.end(), is_of_type);
    if (node != cluster.nodes.end())
      text += matrix_text(router, static_cast<int>(node - cluster.nodes.begin()));
  }
  text += "\nnodes\n" + nodes_text(cluster);
  if (!cluster.switches.empty()) text += "\nswitches\n" + switches_text(cluster);
  if (!cluster.measured.empty())
    text += "\nmeasured, pairs without a common rank at the same time\n" + measured_text(cluster);
  return text;
}

}  // namespace ditmesh

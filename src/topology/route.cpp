#include "ditmesh/topology/route.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/assumed_links.hpp"

namespace ditmesh {

namespace {

// Without peer-to-peer, data is copied into the host's memory and out again: about half the bandwidth, and
// two more synchronisations.
constexpr double kShareThroughHost = 0.5;
constexpr double kLatencyThroughHost_s = 5e-6;

constexpr Link kUnknownNvlink = {20e9, 1e-6};
constexpr Link kUnknownNetwork = {1e9, 50e-6};  // nothing is known but that it is there

int up(int first, int thing) { return first + 2 * thing; }
int down(int first, int thing) { return first + 2 * thing + 1; }

std::vector<int> ancestors(const NodeType& type, int place) {
  std::vector<int> chain;
  for (; place != -1; place = type.places[static_cast<size_t>(place)].parent) chain.push_back(place);
  return chain;
}

// The innermost place that holds both; -1: none.
int common_place(const NodeType& type, int a, int b) {
  const std::vector<int> chain = ancestors(type, a);
  for (; b != -1; b = type.places[static_cast<size_t>(b)].parent) {
    if (std::find(chain.begin(), chain.end(), b) != chain.end()) return b;
  }
  return -1;
}

Level level_within(const NodeType& type, int place) {
  if (place == -1) return Level::socket;
  switch (type.places[static_cast<size_t>(place)].kind) {
    case PlaceKind::pcie_switch:
      return Level::pcie_switch;
    case PlaceKind::host_bridge:
      return Level::host_bridge;
    case PlaceKind::numa:
      return Level::numa;
  }
  return Level::socket;
}

int count(const auto& things) { return static_cast<int>(things.size()); }

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::self:
      return "self";
    case Level::nvlink:
      return "NVLink";
    case Level::pcie_switch:
      return "PCIe switch";
    case Level::host_bridge:
      return "host bridge";
    case Level::numa:
      return "NUMA domain";
    case Level::socket:
      return "socket";
    case Level::leaf:
      return "leaf switch";
    case Level::spine:
      return "spine";
  }
  return "?";
}

Router::Router(Cluster cluster) : cluster_(with_assumed_links(std::move(cluster))) {
  for (const NodeType& type : cluster_.types) plan_type(type);
  for (const Node& node : cluster_.nodes) {
    first_link_.push_back(num_links());
    add_links(node);
    choose_nics(node);
  }
  first_switch_link_ = num_links();
  for (const Switch& each : cluster_.switches) links_.insert(links_.end(), 2, each.uplink);
}

void Router::plan_type(const NodeType& type) {
  TypePlan plan;
  const int devices = count(type.devices);
  plan.first_place = 2 * devices;
  plan.first_port = plan.first_place + 2 * count(type.places);
  plan.first_pair = plan.first_port + 2 * devices;
  plan.first_nic = plan.first_pair + 2 * count(type.nvlinks);
  plan.size = plan.first_nic + 2 * count(type.nics);
  plan.nvlink_pair.assign(static_cast<size_t>(devices) * static_cast<size_t>(devices), -1);
  for (int pair = 0; pair < count(type.nvlinks); ++pair) {
    const NvlinkPair& ends = type.nvlinks[static_cast<size_t>(pair)];
    plan.nvlink_pair[static_cast<size_t>(ends.a * devices + ends.b)] = pair;
    plan.nvlink_pair[static_cast<size_t>(ends.b * devices + ends.a)] = pair;
  }
  plans_.push_back(std::move(plan));
}

// The NIC of each device: of those that are plugged in, if any is, and are at least half as fast as the
// fastest, the nearest; devices that are equally near to several share them out.
void Router::choose_nics(const Node& node) {
  const NodeType& type = cluster_.type_of(node);
  const bool is_like_last = !nics_.empty() && cluster_.nodes[nics_.size() - 1].type == node.type &&
                            cluster_.nodes[nics_.size() - 1].leaves == node.leaves;
  if (is_like_last) {
    nics_.push_back(nics_.back());
    return;
  }
  std::vector<int> candidates(type.nics.size());
  std::iota(candidates.begin(), candidates.end(), 0);
  const auto is_plugged_in = [&](int nic) { return node.leaves[static_cast<size_t>(nic)] != -1; };
  if (std::any_of(candidates.begin(), candidates.end(), is_plugged_in)) {
    std::erase_if(candidates, [&](int nic) { return !is_plugged_in(nic); });
  }
  const auto speed = [&](int nic) { return type.nics[static_cast<size_t>(nic)].link.bytes_per_s; };
  double fastest = 0;
  for (const int nic : candidates) fastest = std::max(fastest, speed(nic));
  std::erase_if(candidates, [&](int nic) { return speed(nic) < fastest / 2; });

  std::vector<int> users(type.nics.size(), 0);
  std::vector<int> chosen;
  for (const Device& device : type.devices) {
    const auto farness = [&](int nic) {
      const int common = common_place(type, device.place, type.nics[static_cast<size_t>(nic)].place);
      return std::pair(-static_cast<int>(ancestors(type, common).size()), users[static_cast<size_t>(nic)]);
    };
    const auto best = std::min_element(candidates.begin(), candidates.end(),
                                       [&](int a, int b) { return farness(a) < farness(b); });
    chosen.push_back(best == candidates.end() ? -1 : *best);
    if (best != candidates.end()) ++users[static_cast<size_t>(*best)];
  }
  nics_.push_back(std::move(chosen));
}

void Router::add_links(const Node& node) {
  const NodeType& type = cluster_.type_of(node);
  const auto nvlink_of = [&](int device) {
    const auto model = cluster_.models.find(type.devices[static_cast<size_t>(device)].model);
    const bool is_known = model != cluster_.models.end() && model->second.nvlink.bytes_per_s > 0;
    return is_known ? model->second.nvlink : kUnknownNvlink;
  };
  const auto bundle = [](const Link& one, int links) { return Link{one.bytes_per_s * links, one.latency_s}; };
  for (const Device& device : type.devices) links_.insert(links_.end(), 2, device.pcie);
  for (const Place& place : type.places) links_.insert(links_.end(), 2, place.uplink);
  for (int device = 0; device < count(type.devices); ++device) {
    // Half of a port's latency: a way goes through two.
    Link port = bundle(nvlink_of(device), type.devices[static_cast<size_t>(device)].nvswitch_links);
    port.latency_s /= 2;
    links_.insert(links_.end(), 2, port);
  }
  for (const NvlinkPair& pair : type.nvlinks) {
    const Link one = std::min(nvlink_of(pair.a), nvlink_of(pair.b),
                              [](const Link& a, const Link& b) { return a.bytes_per_s < b.bytes_per_s; });
    links_.insert(links_.end(), 2, bundle(one, pair.links));
  }
  for (const Nic& nic : type.nics) {
    links_.insert(links_.end(), 2, Link{nic.link.bytes_per_s, nic.link.latency_s / 2});
  }
}

Route Router::route(DeviceId from, DeviceId to) const {
  Route route;
  if (from == to) return route;
  route.bytes_per_s = std::numeric_limits<double>::infinity();
  if (share_nvswitches(from, to)) {
    const auto port = [&](DeviceId id) {
      const auto type = static_cast<size_t>(cluster_.nodes[static_cast<size_t>(id.node)].type);
      return first_link_[static_cast<size_t>(id.node)] + plans_[type].first_port;
    };
    add(route, up(port(from), from.device), Level::nvlink);
    add(route, down(port(to), to.device), Level::nvlink);
  } else if (from.node == to.node) {
    add_in_node(route, from.node, from.device, to.device);
  } else {
    cross_network(route, from, to);
  }
  return route;
}

bool Router::share_nvswitches(DeviceId from, DeviceId to) const {
  if (cluster_.device(from).nvswitch_links == 0 || cluster_.device(to).nvswitch_links == 0) return false;
  const int domain = cluster_.nodes[static_cast<size_t>(from.node)].nvlink_domain;
  return from.node == to.node ||
         (domain != -1 && domain == cluster_.nodes[static_cast<size_t>(to.node)].nvlink_domain);
}

void Router::add(Route& route, int number, Level level) const {
  route.level = std::max(route.level, level);
  route.latency_s += link(number).latency_s;
  if (link(number).bytes_per_s == 0) return;  // a switch that passes on all it gets
  route.bytes_per_s = std::min(route.bytes_per_s, link(number).bytes_per_s);
  route.links.push_back(number);
}

void Router::climb(Route& route, int node, int from_place, int to_place) const {
  const Node& at = cluster_.nodes[static_cast<size_t>(node)];
  const NodeType& type = cluster_.type_of(at);
  const int first = first_link_[static_cast<size_t>(node)] + plans_[static_cast<size_t>(at.type)].first_place;
  const int common = common_place(type, from_place, to_place);
  const Level level = level_within(type, common);
  route.level = std::max(route.level, level);
  for (const int place : ancestors(type, from_place)) {
    if (place == common) break;
    add(route, up(first, place), level);
  }
  std::vector<int> descent = ancestors(type, to_place);
  descent.erase(std::find(descent.begin(), descent.end(), common), descent.end());
  std::reverse(descent.begin(), descent.end());
  for (const int place : descent) add(route, down(first, place), level);
}

void Router::add_in_node(Route& route, int node, int from, int to) const {
  const Node& at = cluster_.nodes[static_cast<size_t>(node)];
  const NodeType& type = cluster_.type_of(at);
  const TypePlan& plan = plans_[static_cast<size_t>(at.type)];
  const int first = first_link_[static_cast<size_t>(node)];
  const int pair =
      plan.nvlink_pair[static_cast<size_t>(from) * type.devices.size() + static_cast<size_t>(to)];
  if (pair != -1) {
    const bool is_forward = from < to;
    add(route, is_forward ? up(first + plan.first_pair, pair) : down(first + plan.first_pair, pair),
        Level::nvlink);
    return;
  }
  add(route, up(first, from), Level::pcie_switch);
  climb(route, node, type.devices[static_cast<size_t>(from)].place,
        type.devices[static_cast<size_t>(to)].place);
  add(route, down(first, to), Level::pcie_switch);
  if (!type.peer_to_peer) {
    route.bytes_per_s *= kShareThroughHost;
    route.latency_s += kLatencyThroughHost_s;
  }
}

int Router::nic_of(DeviceId id) const {
  return nics_[static_cast<size_t>(id.node)][static_cast<size_t>(id.device)];
}

int Router::leaf_of(DeviceId id) const {
  const int nic = nic_of(id);
  return cluster_.nodes[static_cast<size_t>(id.node)].leaves[static_cast<size_t>(nic)];
}

bool Router::has_nvlink(DeviceId from, DeviceId to) const {
  if (share_nvswitches(from, to)) return true;
  const auto type = static_cast<size_t>(cluster_.nodes[static_cast<size_t>(from.node)].type);
  const size_t pair =
      static_cast<size_t>(from.device) * cluster_.types[type].devices.size() + static_cast<size_t>(to.device);
  return plans_[type].nvlink_pair[pair] != -1;
}

// The device whose NIC is plugged into the receiver's leaf and that NVLink reaches; else the sender itself.
DeviceId Router::on_rail_of(DeviceId from, DeviceId to) const {
  const int leaf = leaf_of(to);
  if (leaf_of(from) == leaf) return from;
  const int num_devices = count(cluster_.type_of(cluster_.nodes[static_cast<size_t>(from.node)]).devices);
  for (int device = 0; device < num_devices; ++device) {
    const DeviceId other = {from.node, device};
    const std::vector<int>& unhealthy = cluster_.nodes[static_cast<size_t>(from.node)].unhealthy;
    if (std::binary_search(unhealthy.begin(), unhealthy.end(), device)) continue;
    if (other != from && has_nvlink(from, other) && leaf_of(other) == leaf) return other;
  }
  return from;
}

void Router::cross_network(Route& route, DeviceId from, DeviceId to) const {
  route.level = Level::leaf;
  if (nic_of(from) == -1 || nic_of(to) == -1) {
    route.bytes_per_s = kUnknownNetwork.bytes_per_s;
    route.latency_s = kUnknownNetwork.latency_s;
    return;
  }
  const DeviceId last_in_node = on_rail_of(from, to);
  if (last_in_node != from) {
    for (const int link : this->route(from, last_in_node).links) add(route, link, Level::nvlink);
  }
  go_to_nic(route, last_in_node, true);
  cross_switches(route, leaf_of(last_in_node), leaf_of(to));
  go_to_nic(route, to, false);
}

// Between a device and its NIC, and through that.
void Router::go_to_nic(Route& route, DeviceId id, bool is_sender) const {
  const Node& node = cluster_.nodes[static_cast<size_t>(id.node)];
  const NodeType& type = cluster_.type_of(node);
  const int first = first_link_[static_cast<size_t>(id.node)];
  const int first_nic = first + plans_[static_cast<size_t>(node.type)].first_nic;
  const int nic = nic_of(id);
  const int device_place = type.devices[static_cast<size_t>(id.device)].place;
  const int nic_place = type.nics[static_cast<size_t>(nic)].place;
  if (is_sender) {
    add(route, up(first, id.device), Level::leaf);
    climb(route, id.node, device_place, nic_place);
    add(route, up(first_nic, nic), Level::leaf);
  } else {
    add(route, down(first_nic, nic), Level::leaf);
    climb(route, id.node, nic_place, device_place);
    add(route, down(first, id.device), Level::leaf);
  }
}

void Router::cross_switches(Route& route, int from_leaf, int to_leaf) const {
  if (from_leaf == to_leaf) return;
  const auto above = [&](int leaf) {
    std::vector<int> chain;
    for (; leaf != -1; leaf = cluster_.switches[static_cast<size_t>(leaf)].parent) chain.push_back(leaf);
    return chain;
  };
  const std::vector<int> climbed = above(from_leaf);
  std::vector<int> descent = above(to_leaf);
  const auto common = std::find_first_of(climbed.begin(), climbed.end(), descent.begin(), descent.end());
  for (auto each = climbed.begin(); each != common; ++each)
    add(route, up(first_switch_link_, *each), Level::spine);
  if (common != climbed.end())
    descent.erase(std::find(descent.begin(), descent.end(), *common), descent.end());
  std::reverse(descent.begin(), descent.end());
  for (const int each : descent) add(route, down(first_switch_link_, each), Level::spine);
  route.level = Level::spine;
}

std::string Router::link_name(int number) const {
  const bool is_down = number % 2 == 1;
  const auto arrow = [&](const std::string& low, const std::string& high) {
    return is_down ? cat(high, " → ", low) : cat(low, " → ", high);
  };
  if (number >= first_switch_link_) {
    const Switch& each = cluster_.switches[static_cast<size_t>((number - first_switch_link_) / 2)];
    return arrow(each.name,
                 each.parent == -1 ? "top" : cluster_.switches[static_cast<size_t>(each.parent)].name);
  }
  const auto after = std::upper_bound(first_link_.begin(), first_link_.end(), number);
  const auto index = static_cast<size_t>(after - first_link_.begin() - 1);
  const Node& node = cluster_.nodes[index];
  const NodeType& type = cluster_.type_of(node);
  const TypePlan& plan = plans_[static_cast<size_t>(node.type)];
  const int within = number - first_link_[index];
  const auto place_name = [&](int place) {
    return place == -1 ? std::string("host") : type.places[static_cast<size_t>(place)].name;
  };
  const auto thing = [&](int first) { return static_cast<size_t>((within - first) / 2); };
  std::string text;
  if (within < plan.first_place) {
    const Device& device = type.devices[thing(0)];
    text = arrow(device.name, place_name(device.place));
  } else if (within < plan.first_port) {
    const Place& place = type.places[thing(plan.first_place)];
    text = arrow(place.name, place_name(place.parent));
  } else if (within < plan.first_pair) {
    text = arrow(type.devices[thing(plan.first_port)].name, "NVSwitch");
  } else if (within < plan.first_nic) {
    const NvlinkPair& pair = type.nvlinks[thing(plan.first_pair)];
    text =
        arrow(type.devices[static_cast<size_t>(pair.a)].name, type.devices[static_cast<size_t>(pair.b)].name);
  } else {
    const size_t nic = thing(plan.first_nic);
    const int leaf = node.leaves[nic];
    text = arrow(type.nics[nic].name,
                 leaf == -1 ? "network" : cluster_.switches[static_cast<size_t>(leaf)].name);
  }
  return cat(node.name, ": ", text);
}

}  // namespace ditmesh

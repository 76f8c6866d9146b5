#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/cpu_list.hpp"
#include "link_json.hpp"

namespace ditmesh {

namespace {

template <typename Things>
std::string name_at(const Things& things, int index) {
  return things[static_cast<size_t>(index)].name;
}

OrderedJson to_json(const Place& place, const NodeType& type) {
  OrderedJson json = {{"names", OrderedJson::array({place.name})}, {"kind", to_string(place.kind)}};
  if (place.parent != -1) json["in"] = OrderedJson::array({name_at(type.places, place.parent)});
  if (place.uplink != Link{}) json["uplink"] = link_to_json(place.uplink);
  if (place.numa_id != -1) json["numa_id"] = place.numa_id;
  if (!place.cores.empty()) json["cores"] = cpu_list(place.cores);
  return json;
}

OrderedJson to_json(const Device& device, const NodeType& type) {
  OrderedJson json = {{"names", OrderedJson::array({device.name})}};
  if (!device.model.empty()) json["model"] = device.model;
  if (!device.bus_id.empty()) json["bus_ids"] = OrderedJson::array({device.bus_id});
  if (!device.pci_id.empty()) json["pci_id"] = device.pci_id;
  if (device.place != -1) json["in"] = OrderedJson::array({name_at(type.places, device.place)});
  if (device.pcie != Link{}) json["pcie"] = link_to_json(device.pcie);
  if (device.nvswitch_links > 0) json["nvswitch_links"] = device.nvswitch_links;
  return json;
}

OrderedJson to_json(const Nic& nic, const NodeType& type) {
  OrderedJson json = {{"names", OrderedJson::array({nic.name})}, {"kind", to_string(nic.kind)}};
  if (!nic.bus_id.empty()) json["bus_ids"] = OrderedJson::array({nic.bus_id});
  if (nic.place != -1) json["in"] = OrderedJson::array({name_at(type.places, nic.place)});
  if (nic.link != Link{}) json["link"] = link_to_json(nic.link);
  return json;
}

OrderedJson to_json(const NodeType& type) {
  OrderedJson json;
  json["places"] = OrderedJson::array();
  for (const Place& place : type.places) json["places"].push_back(to_json(place, type));
  json["devices"] = OrderedJson::array();
  for (const Device& device : type.devices) json["devices"].push_back(to_json(device, type));
  json["nics"] = OrderedJson::array();
  for (const Nic& nic : type.nics) json["nics"].push_back(to_json(nic, type));
  json["nvlinks"] = OrderedJson::array();
  for (const NvlinkPair& pair : type.nvlinks) {
    json["nvlinks"].push_back(
        {{"among", {name_at(type.devices, pair.a), name_at(type.devices, pair.b)}}, {"links", pair.links}});
  }
  json["peer_to_peer"] = type.peer_to_peer;
  return json;
}

OrderedJson to_json(const Node& node, const Cluster& cluster) {
  const NodeType& type = cluster.type_of(node);
  OrderedJson json = {{"names", OrderedJson::array({node.name})}, {"type", type.name}};
  for (const int leaf : node.leaves) {
    json["leaves"].push_back(leaf == -1 ? "-" : name_at(cluster.switches, leaf));
  }
  if (node.nvlink_domain != -1) json["nvlink_domain"] = cat("domain", node.nvlink_domain);
  for (const int device : node.unhealthy) json["unhealthy"].push_back(name_at(type.devices, device));
  return json;
}

OrderedJson to_json(const Spread& spread, double unit) {
  return {neat(spread.least / unit), neat(spread.median / unit), neat(spread.most / unit)};
}

OrderedJson to_json(const Measurement& measurement, const Cluster& cluster) {
  OrderedJson json;
  json["nodes"] = OrderedJson::array(
      {name_at(cluster.nodes, measurement.from_node), name_at(cluster.nodes, measurement.to_node)});
  json["between"] = OrderedJson::array({measurement.from, measurement.to});
  json["way"] = measurement.way;
  json["by"] = measurement.by;
  json["microseconds"] = to_json(measurement.latency_s, kMicro);
  json["gigabytes_per_s"] = to_json(measurement.bytes_per_s, kGiga);
  return json;
}

}  // namespace

OrderedJson to_json(const Cluster& cluster) {
  OrderedJson json = {{"name", cluster.name}, {"description", cluster.description}};
  json["device_models"] = OrderedJson::object();
  for (const auto& [name, model] : cluster.models) json["device_models"][name] = to_json(model);
  json["node_types"] = OrderedJson::object();
  for (const NodeType& type : cluster.types) json["node_types"][type.name] = to_json(type);
  json["switches"] = OrderedJson::array();
  for (const Switch& each : cluster.switches) {
    OrderedJson entry = {{"names", OrderedJson::array({each.name})}};
    if (each.parent != -1) entry["in"] = OrderedJson::array({name_at(cluster.switches, each.parent)});
    if (each.uplink != Link{}) entry["uplink"] = link_to_json(each.uplink);
    json["switches"].push_back(entry);
  }
  json["nodes"] = OrderedJson::array();
  for (const Node& node : cluster.nodes) json["nodes"].push_back(to_json(node, cluster));
  for (const Measurement& measurement : cluster.measured)
    json["measured"].push_back(to_json(measurement, cluster));
  return json;
}

}  // namespace ditmesh

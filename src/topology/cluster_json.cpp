#include "ditmesh/topology/cluster_json.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cpu_list.hpp"
#include "ditmesh/topology/hostlist.hpp"
#include "ditmesh/topology/shipped.hpp"
#include "link_json.hpp"

namespace ditmesh {

namespace {

constexpr std::array kPlaceKinds = {PlaceKind::numa, PlaceKind::host_bridge, PlaceKind::pcie_switch};
constexpr std::array kNicKinds = {NicKind::infiniband, NicKind::roce,     NicKind::efa,
                                  NicKind::slingshot,  NicKind::ethernet, NicKind::unknown};

template <typename Kinds>
auto kind_from(const JsonObject& object, const Kinds& kinds, const std::string& fallback) {
  const auto text = object.get_or<std::string>("kind", fallback);
  std::vector<std::string> names;
  for (const auto kind : kinds) {
    if (to_string(kind) == text) return kind;
    names.emplace_back(to_string(kind));
  }
  throw ConfigError(cat(object.name(), ": field 'kind' is '", text, "'", did_you_mean(text, names)),
                    cat("it is one of ", join(names, ", ")));
}

int count_in(const JsonObject& object, const std::string& key) {
  constexpr int64_t kMost = 1 << 20;
  const auto value = object.get<int64_t>(key);
  if (value < 0 || value > kMost) {
    throw ConfigError(
        cat(object.name(), ": field '", key, "' must be of 0 to ", kMost, ", found ", object.at(key).dump()));
  }
  return static_cast<int>(value);
}

// A host list, or an array of names.
std::vector<std::string> names_in(const JsonObject& object, const std::string& key) {
  if (object.at(key).is_array()) return object.get<std::vector<std::string>>(key);
  return expand_hostlist(object.get<std::string>(key), cat(object.name(), ": ", key));
}

// What stands for "not plugged in" among the names of leaf switches.
constexpr const char* kNone = "-";

template <typename Things>
int find(const Things& things, const std::string& name, const JsonObject& object, const std::string& key) {
  if (key == "leaves" && name == kNone) return -1;
  for (size_t i = 0; i < things.size(); ++i) {
    if (things[i].name == name) return static_cast<int>(i);
  }
  std::vector<std::string> names;
  for (const auto& thing : things) names.push_back(thing.name);
  throw ConfigError(cat(object.name(), ": field '", key, "' names '", name, "', which is not there",
                        did_you_mean(name, names)));
}

// Which of the things that `key` names each of `count` belongs to: one for all, or the same number to each.
template <typename Things>
std::vector<int> spread(const Things& things, const JsonObject& object, const std::string& key,
                        size_t count) {
  if (!object.has(key)) return std::vector<int>(count, -1);
  const std::vector<std::string> names = names_in(object, key);
  if (names.empty() || count % names.size() != 0) {
    throw ConfigError(cat(object.name(), ": field '", key, "' has ",
                          counted(static_cast<int64_t>(names.size()), "name"), " for ", count),
                      "give one for all, or as many for each");
  }
  std::vector<int> found;
  for (size_t i = 0; i < count; ++i)
    found.push_back(find(things, names[i * names.size() / count], object, key));
  return found;
}

// Entries of the array `key`, each with its place in the file.
std::vector<JsonObject> entries(const JsonObject& object, const std::string& key) {
  std::vector<JsonObject> found;
  if (!object.has(key)) return found;
  if (!object.at(key).is_array())
    throw ConfigError(cat(object.name(), ": field '", key, "' must be an array"));
  for (size_t i = 0; i < object.at(key).size(); ++i) {
    found.emplace_back(object.at(key)[i], cat(object.name(), ": ", key, "[", i, "]"));
  }
  return found;
}

Link link_or_none(const JsonObject& object, const std::string& key) {
  return object.has(key) ? link_from_json(object.at(key), cat(object.name(), ": ", key)) : Link{};
}

// Bus ids of the entry's things, or none.
std::vector<std::string> bus_ids(const JsonObject& object, size_t count) {
  auto ids = object.get_or<std::vector<std::string>>("bus_ids", {});
  if (ids.empty()) ids.resize(count);
  if (ids.size() != count) {
    throw ConfigError(cat(object.name(), ": field 'bus_ids' has ", ids.size(), " ids for ",
                          counted(static_cast<int64_t>(count), "name")));
  }
  return ids;
}

void read_places(const JsonObject& object, NodeType& type) {
  for (const JsonObject& entry : entries(object, "places")) {
    entry.allow_only({"names", "kind", "in", "uplink", "numa_id", "cores"});
    const std::vector<std::string> names = names_in(entry, "names");
    const std::vector<int> parents = spread(type.places, entry, "in", names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      Place place;
      place.name = names[i];
      place.kind = kind_from(entry, kPlaceKinds, "numa");
      place.parent = parents[i];
      place.uplink = link_or_none(entry, "uplink");
      place.numa_id = entry.has("numa_id") ? count_in(entry, "numa_id") : -1;
      if (entry.has("cores"))
        place.cores = parse_cpu_list(entry.get<std::string>("cores"), cat(entry.name(), ": cores"));
      type.places.push_back(std::move(place));
    }
  }
}

void read_devices(const JsonObject& object, NodeType& type) {
  for (const JsonObject& entry : entries(object, "devices")) {
    entry.allow_only({"names", "model", "in", "pcie", "nvswitch_links", "bus_ids", "pci_id"});
    const std::vector<std::string> names = names_in(entry, "names");
    const std::vector<int> places = spread(type.places, entry, "in", names.size());
    const std::vector<std::string> ids = bus_ids(entry, names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      Device device;
      device.name = names[i];
      device.model = entry.get_or<std::string>("model", "");
      device.bus_id = ids[i];
      device.pci_id = entry.get_or<std::string>("pci_id", "");
      device.place = places[i];
      device.pcie = link_or_none(entry, "pcie");
      device.nvswitch_links = entry.has("nvswitch_links") ? count_in(entry, "nvswitch_links") : 0;
      type.devices.push_back(std::move(device));
    }
  }
}

void read_nics(const JsonObject& object, NodeType& type) {
  for (const JsonObject& entry : entries(object, "nics")) {
    entry.allow_only({"names", "kind", "in", "link", "bus_ids"});
    const std::vector<std::string> names = names_in(entry, "names");
    const std::vector<int> places = spread(type.places, entry, "in", names.size());
    const std::vector<std::string> ids = bus_ids(entry, names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      Nic nic;
      nic.name = names[i];
      nic.bus_id = ids[i];
      nic.kind = kind_from(entry, kNicKinds, "unknown");
      nic.place = places[i];
      nic.link = link_or_none(entry, "link");
      type.nics.push_back(std::move(nic));
    }
  }
}

// Every two of the devices that an entry names.
void read_nvlinks(const JsonObject& object, NodeType& type) {
  for (const JsonObject& entry : entries(object, "nvlinks")) {
    entry.allow_only({"among", "links"});
    std::vector<int> among;
    for (const std::string& name : names_in(entry, "among"))
      among.push_back(find(type.devices, name, entry, "among"));
    std::sort(among.begin(), among.end());
    if (std::adjacent_find(among.begin(), among.end()) != among.end()) {
      throw ConfigError(cat(entry.name(), ": field 'among' names a device twice"), "name each device once");
    }
    const int links = count_in(entry, "links");
    for (size_t a = 0; a < among.size(); ++a) {
      for (size_t b = a + 1; b < among.size(); ++b) type.nvlinks.push_back({among[a], among[b], links});
    }
  }
}

NodeType read_type(const std::string& name, const Json& json, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({"places", "devices", "nics", "nvlinks", "peer_to_peer"});
  NodeType type;
  type.name = name;
  type.peer_to_peer = object.get_or<bool>("peer_to_peer", true);
  read_places(object, type);
  read_devices(object, type);
  read_nics(object, type);
  read_nvlinks(object, type);
  return type;
}

void read_switches(const JsonObject& object, Cluster& cluster) {
  const std::vector<JsonObject> list = entries(object, "switches");
  for (const JsonObject& entry : list) {
    entry.allow_only({"names", "in", "uplink"});
    for (const std::string& name : names_in(entry, "names")) {
      cluster.switches.push_back({.name = name, .uplink = link_or_none(entry, "uplink")});
    }
  }
  size_t next = 0;  // parents may come later
  for (const JsonObject& entry : list) {
    const size_t count = names_in(entry, "names").size();
    for (const int parent : spread(cluster.switches, entry, "in", count))
      cluster.switches[next++].parent = parent;
  }
}

void read_nodes(const JsonObject& object, Cluster& cluster) {
  std::vector<std::string> domains;
  for (const JsonObject& entry : entries(object, "nodes")) {
    entry.allow_only({"names", "type", "leaves", "nvlink_domain", "unhealthy"});
    Node node;
    node.type = find(cluster.types, entry.get<std::string>("type"), entry, "type");
    const NodeType& type = cluster.type_of(node);
    if (!type.nics.empty()) node.leaves = spread(cluster.switches, entry, "leaves", type.nics.size());
    if (entry.has("nvlink_domain")) {
      const auto domain = entry.get<std::string>("nvlink_domain");
      const auto known = std::find(domains.begin(), domains.end(), domain);
      node.nvlink_domain = static_cast<int>(known - domains.begin());
      if (known == domains.end()) domains.push_back(domain);
    }
    if (entry.has("unhealthy")) {
      for (const std::string& name : names_in(entry, "unhealthy"))
        node.unhealthy.push_back(find(type.devices, name, entry, "unhealthy"));
      std::sort(node.unhealthy.begin(), node.unhealthy.end());
    }
    for (std::string& name : names_in(entry, "names")) {
      node.name = std::move(name);
      cluster.nodes.push_back(node);
    }
  }
}

// Least, median and most.
Spread spread_in(const JsonObject& object, const std::string& key, double unit) {
  const auto numbers = object.get<std::vector<double>>(key);
  if (numbers.size() != 3) {
    throw ConfigError(cat(object.name(), ": field '", key, "' has ",
                          counted(static_cast<int64_t>(numbers.size()), "number")),
                      "give three: the least, the median and the most");
  }
  return {numbers[0] * unit, numbers[1] * unit, numbers[2] * unit};
}

void read_measured(const JsonObject& object, Cluster& cluster) {
  for (const JsonObject& entry : entries(object, "measured")) {
    entry.allow_only({"nodes", "between", "way", "by", "microseconds", "gigabytes_per_s"});
    const auto nodes = names_in(entry, "nodes");
    const auto between = entry.get<std::vector<std::string>>("between");
    if (nodes.size() != 2 || between.size() != 2) {
      throw ConfigError(cat(entry.name(), ": fields 'nodes' and 'between' have ", nodes.size(), " and ",
                            between.size(), " names"),
                        "give two each: from where, and to where");
    }
    cluster.measured.push_back(
        {find(cluster.nodes, nodes[0], entry, "nodes"), find(cluster.nodes, nodes[1], entry, "nodes"),
         between[0], between[1], entry.get<std::string>("way"), entry.get<std::string>("by"),
         spread_in(entry, "microseconds", kMicro), spread_in(entry, "gigabytes_per_s", kGiga)});
  }
}

void read_models(const JsonObject& object, Cluster& cluster) {
  if (object.has("device_models")) {
    const JsonObject models(object.at("device_models"), cat(object.name(), ": device_models"));
    for (const auto& [name, json] : models.json().items()) {
      cluster.models[name] = device_model_from_json(json, name, cat(models.name(), ": ", name));
    }
  }
  for (const NodeType& type : cluster.types) {
    for (const Device& device : type.devices) {
      if (device.model.empty() || cluster.models.contains(device.model)) continue;
      try {
        cluster.models[device.model] = find_device_model(device.model);
      } catch (const ConfigError& error) {
        throw ConfigError(cat(object.name(), ": node_types: ", type.name, ": ", error.what()));
      }
    }
  }
}

}  // namespace

Cluster cluster_from_json(const Json& json, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({"name", "description", "device_models", "node_types", "switches", "nodes", "measured"});
  Cluster cluster;
  cluster.name = object.get<std::string>("name");
  cluster.description = object.get_or<std::string>("description", "");
  const JsonObject types(object.at("node_types"), cat(where, ": node_types"));
  for (const auto& [name, type] : types.json().items()) {
    cluster.types.push_back(read_type(name, type, cat(types.name(), ": ", name)));
  }
  read_models(object, cluster);
  read_switches(object, cluster);
  read_nodes(object, cluster);
  read_measured(object, cluster);
  try {
    check_cluster(cluster);
  } catch (const ConfigError& error) {
    throw ConfigError(cat(where, ": ", error.what()));
  }
  return cluster;
}

Cluster read_cluster(const std::string& file_or_name) {
  std::error_code error;
  if (std::filesystem::is_regular_file(file_or_name, error)) {
    return cluster_from_json(read_json_file(file_or_name), file_or_name);
  }
  const auto& shipped = shipped_clusters();
  if (const auto found = shipped.find(file_or_name); found != shipped.end()) {
    const std::string where = cat("topology/", file_or_name, ".json");
    return cluster_from_json(parse_json(found->second, where), where);
  }
  std::vector<std::string> names;
  for (const auto& [name, unused] : shipped) names.push_back(name);
  throw ConfigError(cat("there is no cluster file '", file_or_name, "'", did_you_mean(file_or_name, names)),
                    cat("give a JSON file, or one of ", join(names, ", ")));
}

}  // namespace ditmesh

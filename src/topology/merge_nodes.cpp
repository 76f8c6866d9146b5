#include "ditmesh/topology/merge_nodes.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/hostlist.hpp"
#include "unique_names.hpp"

namespace ditmesh {

namespace {

constexpr uint64_t kMemoryTolerance = 20;  // a part of so many

// The best network first.
constexpr std::array kByPreference = {NicKind::infiniband, NicKind::slingshot, NicKind::efa,
                                      NicKind::roce,       NicKind::ethernet,  NicKind::unknown};

bool differ_in_memory_alone(DeviceModel a, DeviceModel b) {
  const auto [less, more] = std::minmax(a.memory_bytes, b.memory_bytes);
  if (more - less > more / kMemoryTolerance) return false;
  a.memory_bytes = b.memory_bytes = 0;
  a.name = b.name = "";
  return a == b;
}

std::string type_name(const NodeType& type) {
  std::map<std::string, int> counts;
  for (const Device& device : type.devices) ++counts[device.model];
  std::vector<std::string> parts;
  for (const auto& [model, count] : counts) parts.push_back(cat(count, "-", model));
  return parts.empty() ? "no-device" : join(parts, "-");
}

class Merger {
 public:
  Cluster merge(const std::vector<Cluster>& clusters) {
    for (const Cluster& cluster : clusters) add(cluster);
    std::vector<std::string> names;
    for (const Node& node : merged_.nodes) names.push_back(node.name);
    merged_.name = compress_hostlist(names);
    return std::move(merged_);
  }

 private:
  void add(const Cluster& cluster) {
    std::map<std::string, std::string> became;  // names of models
    for (const auto& [name, model] : cluster.models) became[name] = model_like(model);
    std::vector<int> types;
    for (NodeType type : cluster.types) {
      for (Device& device : type.devices) {
        if (!device.model.empty()) device.model = became.at(device.model);
      }
      types.push_back(type_like(std::move(type)));
    }
    for (Node node : cluster.nodes) {
      node.name = node_names_.take(node.name);
      node.type = types[static_cast<size_t>(node.type)];
      node.leaves.assign(node.leaves.size(), -1);
      node.nvlink_domain = -1;  // a number of that cluster alone
      merged_.nodes.push_back(std::move(node));
    }
  }

  std::string model_like(DeviceModel model) {
    for (auto& [name, known] : merged_.models) {
      if (origin_[name] != model.name || !differ_in_memory_alone(known, model)) continue;
      known.memory_bytes = std::min(known.memory_bytes, model.memory_bytes);
      return name;
    }
    const std::string origin = model.name;
    model.name = model_names_.take(origin);
    origin_[model.name] = origin;
    merged_.models[model.name] = model;
    return model.name;
  }

  int type_like(NodeType type) {
    for (size_t i = 0; i < merged_.types.size(); ++i) {
      type.name = merged_.types[i].name;
      if (type == merged_.types[i]) return static_cast<int>(i);
    }
    type.name = type_names_.take(type_name(type));
    merged_.types.push_back(std::move(type));
    return static_cast<int>(merged_.types.size()) - 1;
  }

  Cluster merged_;
  std::map<std::string, std::string> origin_;  // the names that models came with
  UniqueNames node_names_;
  UniqueNames model_names_;
  UniqueNames type_names_;
};

std::optional<NicKind> best_common_kind(const Cluster& cluster) {
  for (const NicKind kind : kByPreference) {
    const bool have_all = std::all_of(cluster.nodes.begin(), cluster.nodes.end(), [&](const Node& node) {
      const std::vector<Nic>& nics = cluster.type_of(node).nics;
      return std::any_of(nics.begin(), nics.end(), [&](const Nic& nic) { return nic.kind == kind; });
    });
    if (have_all) return kind;
  }
  return std::nullopt;
}

void plug_in(Cluster& cluster, size_t node, NicKind kind, int leaf) {
  Node& plugged = cluster.nodes[node];
  const std::vector<Nic>& nics = cluster.type_of(plugged).nics;
  for (size_t nic = 0; nic < nics.size(); ++nic) {
    if (nics[nic].kind == kind) plugged.leaves[nic] = leaf;
  }
}

// The switch of Slurm's that each node stands under; nothing if it does not know one of them.
std::optional<std::vector<int>> leaves_of(const std::vector<std::string>& names, const Cluster& network) {
  std::map<std::string, int> known;
  for (const Node& node : network.nodes) known[node.name] = node.leaves.at(0);
  std::vector<int> leaves;
  for (const std::string& name : names) {
    auto found = known.find(name);
    if (found == known.end()) found = known.find(name.substr(0, name.find('.')));
    if (found == known.end() || found->second == -1) return std::nullopt;
    leaves.push_back(found->second);
  }
  return leaves;
}

// Takes the switches above `leaves` alone.
void take_switches(Cluster& cluster, const Cluster& network, std::vector<int>& leaves) {
  std::set<int> used;
  for (const int leaf : leaves) {
    for (int up = leaf; up != -1 && used.insert(up).second;)
      up = network.switches[static_cast<size_t>(up)].parent;
  }
  std::map<int, int> became;
  for (const int each : used) {
    became[each] = static_cast<int>(cluster.switches.size());
    cluster.switches.push_back(network.switches[static_cast<size_t>(each)]);
  }
  for (Switch& each : cluster.switches) {
    if (each.parent != -1) each.parent = became.at(each.parent);
  }
  for (int& leaf : leaves) leaf = became.at(leaf);
}

std::optional<SlurmTopology> topology_of_addresses(const std::vector<NodeReport>& reports) {
  std::vector<TopologyAddress> addresses;
  for (const NodeReport& report : reports) {
    if (!report.address) return std::nullopt;
    addresses.push_back(*report.address);
  }
  return topology_of(addresses);
}

void add_network(TopologyReading& merged, const std::vector<NodeReport>& reports,
                 const std::optional<SlurmTopology>& slurm) {
  Cluster& cluster = merged.cluster;
  const auto kind = best_common_kind(cluster);
  if (!kind) {
    merged.remarks.push_back("the nodes have no network of one kind: nothing is known of what joins them");
    return;
  }
  std::vector<std::string> by_file;
  std::vector<std::string> by_address;
  for (size_t i = 0; i < reports.size(); ++i) {
    const NodeReport& report = reports[i];
    by_file.push_back(report.slurm_name.empty() ? report.reading.cluster.nodes.at(0).name
                                                : report.slurm_name);
    by_address.push_back(report.address ? report.address->node : "");
  }
  const auto addresses = topology_of_addresses(reports);
  for (const auto& [topology, names] : {std::pair(&slurm, &by_file), std::pair(&addresses, &by_address)}) {
    if (!*topology) continue;
    std::vector<std::string> remarks;
    const Cluster network = cluster_of(**topology, unknown_node_type(), remarks);
    auto leaves = leaves_of(*names, network);
    if (!leaves) continue;
    merged.remarks.insert(merged.remarks.end(), remarks.begin(), remarks.end());
    take_switches(cluster, network, *leaves);
    for (size_t node = 0; node < leaves->size(); ++node) plug_in(cluster, node, *kind, (*leaves)[node]);
    return;
  }
  merged.remarks.push_back("nobody says which switches join the nodes: the network counts as flat");
  Switch flat;
  flat.name = "network";
  cluster.switches = {flat};
  for (size_t node = 0; node < cluster.nodes.size(); ++node) plug_in(cluster, node, *kind, 0);
}

}  // namespace

std::string NodeReport::to_text() const {
  OrderedJson json = {
      {"cluster", to_json(reading.cluster)}, {"remarks", reading.remarks}, {"slurm_name", slurm_name}};
  if (address) json["address"] = {{"node", address->node}, {"above", address->above}};
  return json.dump();
}

NodeReport NodeReport::from_text(const std::string& text) {
  const Json json = Json::parse(text);
  NodeReport report;
  report.reading.cluster = cluster_from_json(json.at("cluster"), "a node's report");
  json.at("remarks").get_to(report.reading.remarks);
  json.at("slurm_name").get_to(report.slurm_name);
  if (json.contains("address")) {
    report.address.emplace();
    json.at("address").at("node").get_to(report.address->node);
    json.at("address").at("above").get_to(report.address->above);
  }
  return report;
}

Cluster merge_nodes(const std::vector<Cluster>& clusters) { return Merger().merge(clusters); }

TopologyReading merge_reports(const std::vector<NodeReport>& reports,
                              const std::optional<SlurmTopology>& slurm) {
  if (reports.size() == 1) return reports[0].reading;
  TopologyReading merged;
  std::vector<Cluster> clusters;
  std::map<std::string, std::vector<std::string>> who;  // says a remark
  std::vector<std::string> order;
  for (const NodeReport& report : reports) {
    clusters.push_back(report.reading.cluster);
    for (const std::string& remark : report.reading.remarks) {
      if (!who.contains(remark)) order.push_back(remark);
      who[remark].push_back(report.reading.cluster.nodes.at(0).name);
    }
  }
  for (const std::string& remark : order)
    merged.remarks.push_back(cat(compress_hostlist(who[remark]), ": ", remark));
  merged.cluster = merge_nodes(clusters);
  add_network(merged, reports, slurm);
  check_cluster(merged.cluster);
  return merged;
}

}  // namespace ditmesh

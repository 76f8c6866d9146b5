#include "ditmesh/topology/topology_reader.hpp"

#include <filesystem>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/looks_like.hpp"
#include "ditmesh/topology/nccl_xml.hpp"
#include "ditmesh/topology/nvidia_smi.hpp"
#include "ditmesh/topology/slurm_topology.hpp"

namespace ditmesh {

namespace {

TopologyReading read_slurm(const SlurmTopology& topology, const std::string& name) {
  TopologyReading reading;
  reading.remarks = topology.remarks;
  if (topology.nodes().empty()) {
    throw ConfigError(cat(name, " names no node"),
                      "its lines may be commented out: give the file that Slurm uses");
  }
  reading.cluster = cluster_of(topology, unknown_node_type(), reading.remarks);
  return reading;
}

}  // namespace

TopologyReading cluster_of(NodeReading reading, const std::string& node_name) {
  TopologyReading found;
  found.remarks = std::move(reading.remarks);
  NodeType& type = reading.type;
  if (type.name.empty()) type.name = "node";
  for (Device& device : type.devices) {
    const auto model = device.model.empty() ? recognise_device_model("", device.pci_id)
                                            : std::optional(find_device_model(device.model));
    if (!model) continue;
    device.model = model->name;
    found.cluster.models.emplace(model->name, *model);
  }
  Node node;
  node.name = node_name;
  node.leaves.assign(type.nics.size(), -1);
  found.cluster.name = node_name;
  found.cluster.types = {std::move(type)};
  found.cluster.nodes = {std::move(node)};
  check_cluster(found.cluster);
  return found;
}

TopologyReading read_topology(std::string_view text, const std::string& name) {
  const std::string kind = looks_like(text);
  const std::string node_name = std::filesystem::path(name).stem().string();
  if (kind == "JSON") return {cluster_from_json(parse_json(text, name), name), {}};
  if (kind == "the output of nvidia-smi topo -m")
    return cluster_of(read_nvidia_smi_topo(text, name), node_name);
  if (kind == "an NCCL topology (XML)") return cluster_of(read_nccl_xml(text, name), node_name);
  if (kind == "a Slurm topology.conf") return read_slurm(read_slurm_topology_conf(text, name), name);
  if (kind == "a Slurm topology.yaml") return read_slurm(read_slurm_topology_yaml(text, name), name);
  throw ConfigError(
      cat(name, " describes no topology: it looks like ", kind),
      "give a cluster in JSON, the output of nvidia-smi topo -m, an NCCL topology (XML), or Slurm's "
      "topology.conf or topology.yaml");
}

}  // namespace ditmesh

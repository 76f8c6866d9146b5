#include "ditmesh/topology/slurm_cluster.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr const char* kDefaultFolder = "/etc/slurm";

struct Source {
  SlurmTopology topology{};
  std::string name{};
};

std::optional<Source> read_files(const Environment& environment, const ReadFile& read_file) {
  const auto conf = environment("SLURM_CONF");
  const std::filesystem::path folder = conf ? std::filesystem::path(*conf).parent_path() : kDefaultFolder;
  const std::string yaml = folder / "topology.yaml";  // Slurm prefers it
  if (const auto text = read_file(yaml)) return Source{read_slurm_topology_yaml(*text, yaml), yaml};
  const std::string plain = folder / "topology.conf";
  if (const auto text = read_file(plain)) return Source{read_slurm_topology_conf(*text, plain), plain};
  return std::nullopt;
}

// The job's nodes alone, in its order; the file may not know some.
Cluster only_nodes(const Cluster& all, const std::vector<std::string>& names,
                   std::vector<std::string>& remarks, bool has_switches) {
  std::map<std::string, const Node*> known;
  for (const Node& node : all.nodes) known[node.name] = &node;
  Cluster some = all;
  some.nodes.clear();
  int64_t num_unknown = 0;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) continue;
    const auto found = known.find(name);
    Node node;
    if (found != known.end()) node = *found->second;
    if (found == known.end()) {
      node.name = name;
      node.leaves.assign(all.types[0].nics.size(), -1);
      ++num_unknown;
    }
    some.nodes.push_back(std::move(node));
  }
  if (num_unknown > 0 && has_switches) {
    remarks.push_back(cat(counted(num_unknown, "node"), " of the job ", num_unknown == 1 ? "is" : "are",
                          " under no switch that Slurm describes"));
  }
  return some;
}

}  // namespace

std::optional<SlurmTopology> find_slurm_topology(const Environment& environment, const ReadFile& read_file) {
  const auto source = read_files(environment, read_file);
  return source ? std::optional(source->topology) : std::nullopt;
}

TopologyReading read_slurm_cluster(const Environment& environment, const ReadFile& read_file) {
  const auto job = read_slurm_allocation(environment);
  auto source = read_files(environment, read_file);
  if (!job && !source) {
    throw ConfigError(
        cat("this is no Slurm job (SLURM_JOB_NODELIST is not set), and there is no topology.yaml or ",
            "topology.conf beside SLURM_CONF or in ", kDefaultFolder),
        "start it in a job, or give the file with --from FILE");
  }
  TopologyReading reading;
  if (!source) {
    source.emplace();
    const auto address = environment("SLURM_TOPOLOGY_ADDR");
    if (address) {
      const auto pattern = environment("SLURM_TOPOLOGY_ADDR_PATTERN");
      source->topology = topology_of({read_topology_address(*address, pattern.value_or(""))});
      reading.remarks.push_back("only this node's switches are known (SLURM_TOPOLOGY_ADDR)");
    } else {
      reading.remarks.push_back("Slurm says nothing of switches: the network counts as flat");
    }
  }
  reading.remarks.insert(reading.remarks.end(), source->topology.remarks.begin(),
                         source->topology.remarks.end());
  reading.cluster = cluster_of(source->topology, unknown_node_type(), reading.remarks);
  if (job) {
    reading.cluster =
        only_nodes(reading.cluster, job->nodes, reading.remarks, !reading.cluster.switches.empty());
    reading.cluster.name = job->job_id.empty() ? "job" : cat("job ", job->job_id);
  } else {
    reading.cluster.name = std::filesystem::path(source->name).stem().string();
  }
  check_cluster(reading.cluster);
  return reading;
}

}  // namespace ditmesh

#include "cluster_discovery.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/discovery/nvml.hpp"
#include "ditmesh/discovery/this_node.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/merge_nodes.hpp"
#include "rank_errors.hpp"

namespace ditmesh {

namespace {

// What this process sees of the node's GPUs, and why it sees none.
std::string gpu_report() {
  std::string problem;
  const std::vector<NvmlGpu> gpus = read_nvml(problem);
  return Json{{"gpus", to_text(gpus)}, {"problem", problem}}.dump();
}

std::string report_of_this_node(const std::string& name, const std::vector<std::string>& gpu_reports) {
  NodeReport report;
  std::vector<std::vector<NvmlGpu>> seen;
  std::set<std::string> problems;
  for (const std::string& text : gpu_reports) {
    const Json json = Json::parse(text);
    seen.push_back(gpus_from_text(json.at("gpus").get<std::string>()));
    if (const auto problem = json.at("problem").get<std::string>(); !problem.empty())
      problems.insert(problem);
  }
  report.reading = discover_this_node(name, unite(seen));
  report.reading.remarks.insert(report.reading.remarks.end(), problems.begin(), problems.end());
  report.slurm_name = environment_variable("SLURMD_NODENAME").value_or("");
  if (const auto address = environment_variable("SLURM_TOPOLOGY_ADDR")) {
    report.address =
        read_topology_address(*address, environment_variable("SLURM_TOPOLOGY_ADDR_PATTERN").value_or(""));
  }
  return report.to_text();
}

std::string to_text(const TopologyReading& reading) {
  return OrderedJson{{"cluster", to_json(reading.cluster)}, {"remarks", reading.remarks}}.dump();
}

TopologyReading from_text(const std::string& text) {
  const Json json = Json::parse(text);
  return {cluster_from_json(json.at("cluster"), "the cluster"),
          json.at("remarks").get<std::vector<std::string>>()};
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<std::string> text_of_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  return read_file(path);
}

std::vector<std::string> nodes_of_ranks(const MpiSession& mpi) {
  if (const auto played = environment_variable("DITMESH_TEST_NODES")) {
    auto nodes = split(*played, ',');
    if (static_cast<int>(nodes.size()) == mpi.size()) return nodes;
  }
  std::vector<std::string> nodes;
  for (int rank = 0; rank < mpi.size(); ++rank) nodes.push_back(mpi.host_of(rank));
  return nodes;
}

TopologyReading discover_cluster(const MpiSession& mpi, const std::vector<std::string>& nodes) {
  const std::string& node = nodes.at(static_cast<size_t>(mpi.rank()));
  const bool is_first = std::find(nodes.begin(), nodes.end(), node) - nodes.begin() == mpi.rank();
  std::string gpus;
  run_on_each(mpi, [&] { gpus = gpu_report(); });
  const auto all_gpus = mpi.all_gather(gpus);
  std::string mine;
  run_on_each(mpi, [&] {
    if (!is_first) return;
    std::vector<std::string> here;
    for (size_t rank = 0; rank < nodes.size(); ++rank) {
      if (nodes[rank] == node) here.push_back(all_gpus[rank]);
    }
    mine = report_of_this_node(node, here);
  });
  const auto texts = mpi.gather_by_node(nodes, mine);
  std::string merged;
  share_error(mpi, [&] {
    std::vector<NodeReport> reports;
    for (const std::string& text : texts) reports.push_back(NodeReport::from_text(text));
    merged = to_text(merge_reports(reports, find_slurm_topology(environment_variable, text_of_file)));
  });
  return from_text(mpi.broadcast(merged));
}

}  // namespace ditmesh

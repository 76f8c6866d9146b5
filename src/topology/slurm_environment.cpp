#include "ditmesh/topology/slurm_environment.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/hostlist.hpp"

namespace ditmesh {

namespace {

// Splits at dots that are not in brackets: "s[1.2].a" has two parts.
std::vector<std::string> split_address(std::string_view address) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char letter : address) {
    if (letter == '[') ++depth;
    if (letter == ']') --depth;
    if (letter == '.' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

template <typename Iterator>
std::string joined(Iterator begin, Iterator end) {
  return join(std::vector<std::string>(begin, end), ".");
}

}  // namespace

int SlurmAllocation::num_tasks() const { return std::accumulate(tasks.begin(), tasks.end(), 0); }

std::vector<int> expand_tasks_per_node(std::string_view text, std::string_view what) {
  std::vector<int> tasks;
  for (const std::string& item : split(text, ',')) {
    const std::string_view part = trim(item);
    const size_t open = part.find("(x");
    const auto count = parse_int(part.substr(0, open));
    const bool repeats = open != std::string_view::npos && part.ends_with(')');
    const auto times =
        repeats ? parse_int(part.substr(open + 2, part.size() - open - 3)) : std::optional<int64_t>(1);
    const bool is_whole = repeats || open == std::string_view::npos;
    if (!is_whole || !count || !times || *count < 0 || *count > kMaxHosts || *times < 1 ||
        *times > kMaxHosts || *times + static_cast<int64_t>(tasks.size()) > kMaxHosts) {
      throw ConfigError(cat(what, " '", text, "' has '", part, "', where a number of tasks is expected"),
                        "it looks like 8(x2),4: eight tasks on each of two nodes, four on the third");
    }
    tasks.insert(tasks.end(), static_cast<size_t>(*times), static_cast<int>(*count));
  }
  return tasks;
}

std::optional<SlurmAllocation> read_slurm_allocation(const Environment& environment) {
  const auto job_id = environment("SLURM_JOB_ID");
  // A step may run on fewer nodes than its job.
  std::string nodes_name = "SLURM_STEP_NODELIST";
  std::string tasks_name = "SLURM_STEP_TASKS_PER_NODE";
  auto nodes = environment(nodes_name);
  if (!nodes) {
    tasks_name = "SLURM_TASKS_PER_NODE";
    for (const char* name : {"SLURM_JOB_NODELIST", "SLURM_NODELIST"}) {
      nodes_name = name;
      nodes = environment(nodes_name);
      if (nodes) break;
    }
  }
  if (!nodes || trim(*nodes).empty()) return std::nullopt;

  SlurmAllocation allocation;
  allocation.job_id = job_id.value_or("");
  allocation.nodes = expand_hostlist(*nodes, nodes_name);
  if (const auto tasks = environment(tasks_name)) {
    allocation.tasks = expand_tasks_per_node(*tasks, tasks_name);
    if (allocation.tasks.size() != allocation.nodes.size()) {
      throw ConfigError(
          cat(nodes_name, " has ", counted(static_cast<int64_t>(allocation.nodes.size()), "node"), ", ",
              tasks_name, " '", *tasks, "' tells of ", allocation.tasks.size()),
          "start the job afresh: these variables belong to different jobs");
    }
  }
  return allocation;
}

TopologyAddress read_topology_address(std::string_view address, std::string_view pattern) {
  std::vector<std::string> parts = split_address(address);
  const size_t levels = split(pattern, '.').size();
  TopologyAddress place;
  if (parts.size() != levels) {  // a name with dots
    place.node = parts.back();
    if (parts.size() > 1) place.above = {joined(parts.begin(), parts.end() - 1)};
    return place;
  }
  place.node = parts.back();
  parts.pop_back();
  // Branches that are less deep than others leave levels empty.
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(place.above),
               [](const std::string& part) { return !part.empty(); });
  return place;
}

SlurmTopology topology_of(const std::vector<TopologyAddress>& addresses) {
  SlurmTopology topology;
  topology.name = "slurm";
  std::map<std::string, size_t> index;
  const auto find = [&](const std::string& name) -> SlurmTopology::Switch& {
    const auto [found, is_new] = index.emplace(name, topology.switches.size());
    if (is_new) topology.switches.push_back({.name = name});
    return topology.switches[found->second];
  };
  for (const TopologyAddress& address : addresses) {
    if (address.above.empty()) {  // a flat network
      if (topology.rings.empty()) topology.rings.push_back({.name = "flat"});
      topology.rings[0].nodes.push_back(address.node);
      continue;
    }
    for (size_t i = 0; i + 1 < address.above.size(); ++i) {
      std::vector<std::string>& children = find(address.above[i]).children;
      const std::string& below = address.above[i + 1];
      if (std::find(children.begin(), children.end(), below) == children.end()) children.push_back(below);
    }
    find(address.above.back()).nodes.push_back(address.node);
  }
  return topology;
}

}  // namespace ditmesh

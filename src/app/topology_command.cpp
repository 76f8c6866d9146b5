// `ditmesh topology`: shows what a machine looks like, or says it in JSON.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>

#include "command.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/discovery/this_node.hpp"
#include "ditmesh/logging/logging.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/cluster_text.hpp"
#include "ditmesh/topology/nccl_xml.hpp"
#include "ditmesh/topology/nvidia_smi.hpp"
#include "ditmesh/topology/slurm_cluster.hpp"
#include "ditmesh/topology/topology_reader.hpp"

namespace ditmesh {

namespace {

constexpr const char* kSources =
    "a file, or - for standard input: a cluster in JSON, the output of nvidia-smi topo -m, NCCL's XML, "
    "Slurm's "
    "topology.conf or topology.yaml; the name of a built-in cluster; nvidia-smi or nccl-xml: standard input, "
    "which "
    "must be that; slurm: the nodes of this job under Slurm's switches (default: this host, as hwloc, NVML "
    "and sysfs "
    "describe it)";

std::string standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<std::string> text_of(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  return read_file(path);
}

TopologyReading read_source(const Options& options) {
  if (!options.has("from")) return discover_this_node(MpiSession::host_name());
  const std::string& source = options.text("from");
  if (source == "nvidia-smi")
    return cluster_of(read_nvidia_smi_topo(standard_input(), "standard input"), "node");
  if (source == "nccl-xml") return cluster_of(read_nccl_xml(standard_input(), "standard input"), "node");
  if (source == "slurm") return read_slurm_cluster(environment_variable, text_of);
  if (source == "-") return read_topology(standard_input(), "standard input");
  if (const auto text = text_of(source)) return read_topology(*text, source);
  return {read_cluster(source), {}};
}

ExitCode run_topology(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options_alone(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const TopologyReading reading = read_source(*options);
  const Log log = make_log();
  for (const std::string& remark : reading.remarks) log.warning(remark);
  if (options->flag("json")) {
    std::cout << to_json(reading.cluster).dump(2) << "\n";
  } else {
    std::cout << to_text(reading.cluster);
  }
  return ExitCode::done;
}

}  // namespace

Command topology_command() {
  return {
      {"topology",
       "Draws what a machine or a cluster looks like, or says it in JSON.",
       "[--from SOURCE] [--json]",
       {},
       {{"from", OptionKind::text, "SOURCE", "", std::string(kSources)},
        {"json", OptionKind::flag, "", "", "print JSON"}},
       {"ditmesh topology", "nvidia-smi topo -m | ditmesh topology --from nvidia-smi",
        "ditmesh topology --from /etc/slurm/topology.conf", "ditmesh topology --from dgx-h100-x4 --json"}},
      run_topology};
}

}  // namespace ditmesh

// `ditmesh topology`: shows what a machine looks like, or says it in JSON.

#include <iostream>
#include <iterator>

#include "cluster_discovery.hpp"
#include "command.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/discovery/this_node.hpp"
#include "ditmesh/logging/logging.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/cluster_text.hpp"
#include "ditmesh/topology/measurements.hpp"
#include "ditmesh/topology/nccl_xml.hpp"
#include "ditmesh/topology/nvidia_smi.hpp"
#include "ditmesh/topology/slurm_cluster.hpp"
#include "ditmesh/topology/topology_reader.hpp"
#include "measure_links.hpp"
#include "plan_options.hpp"
#include "rank_errors.hpp"
#include "rank_facts.hpp"

namespace ditmesh {

namespace {

constexpr const char* kSources =
    "a file, or - for standard input: a cluster in JSON, the output of nvidia-smi topo -m, NCCL's XML, "
    "Slurm's "
    "topology.conf or topology.yaml; the name of a built-in cluster; nvidia-smi or nccl-xml: standard input, "
    "which "
    "must be that; slurm: the nodes of this job under Slurm's switches (default: this host, or under mpirun "
    "all hosts "
    "of its ranks, as hwloc, NVML and sysfs describe them)";

std::string standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

TopologyReading read_source(const Options& options) {
  if (!options.has("from")) return discover_this_node(MpiSession::host_name());
  const std::string& source = options.text("from");
  if (source == "nvidia-smi")
    return cluster_of(read_nvidia_smi_topo(standard_input(), "standard input"), "node");
  if (source == "nccl-xml") return cluster_of(read_nccl_xml(standard_input(), "standard input"), "node");
  if (source == "slurm") return read_slurm_cluster(environment_variable, text_of_file);
  if (source == "-") return read_topology(standard_input(), "standard input");
  return read_cluster_source(source);
}

void print(const TopologyReading& reading, const Options& options) {
  const Log log = make_log();
  for (const std::string& remark : reading.remarks) log.warning(remark);
  if (options.flag("json")) {
    std::cout << to_json(reading.cluster).dump(2) << "\n";
  } else {
    std::cout << to_text(reading.cluster);
  }
}

void check_measure(const Options& options, int num_ranks) {
  if (!options.flag("measure")) return;
  if (options.has("from")) {
    throw ConfigError(
        "--measure times transfers between the ranks that run here, not of what --from describes",
        "give one of them");
  }
  if (num_ranks < 2) {
    throw ConfigError(
        "--measure needs two ranks or more, found one",
        "start a rank for each device: mpirun -n 8 ditmesh topology --measure, or srun --mpi=pmix");
  }
}

// Without MPI: by hand, on a login node, in a pipe.
ExitCode run_alone(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options(command, arguments.after_command);
  if (!options) return ExitCode::done;
  check_measure(*options, 1);
  print(read_source(*options), *options);
  return ExitCode::done;
}

ExitCode run_on_ranks(const Command& command, const ProgramArguments& arguments,
                      const LauncherEnvironment& environment) {
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  return run_together(mpi, command, [&] {
    const auto options = share_options(mpi, command, arguments);
    if (!options) return ExitCode::done;
    const Launch launch = launch_of(environment, mpi.size());
    if (const auto trouble = trouble_of(launch)) {
      // All of them find the same: the first says it.
      if (launch.slurm_task != 0) return ExitCode::environment;
      throw AgreedError(ExitCode::environment, trouble->rule, trouble->remedy);
    }
    if (mpi.rank() == 0 && environment_variable("DITMESH_TEST_NODES"))
      make_log().warning("DITMESH_TEST_NODES is set: nodes are played");
    share_error(mpi, [&] { check_measure(*options, mpi.size()); });
    TopologyReading reading;
    if (options->has("from")) {
      share_error(mpi, [&] { reading = read_source(*options); });
    } else {
      const std::vector<std::string> nodes = nodes_of_ranks(mpi);
      reading = discover_cluster(mpi, nodes);
      if (options->flag("measure")) {
        const Log log = make_log(mpi.rank() == 0 ? "" : cat("rank ", mpi.rank()));
        reading.cluster = with_measurements(reading.cluster, measure_links(mpi, nodes, reading.cluster, log));
      }
    }
    if (mpi.rank() == 0) print(reading, *options);
    return ExitCode::done;
  });
}

ExitCode run_topology(const Command& command, const ProgramArguments& arguments) {
  const LauncherEnvironment environment = launcher_environment();  // MPI_Init adds to it
  return num_started(environment) > 1 ? run_on_ranks(command, arguments, environment)
                                      : run_alone(command, arguments);
}

}  // namespace

Command topology_command() {
  return {
      {"topology",
       "Draws what a machine or a cluster looks like, or says it in JSON.",
       "[--from SOURCE] [--measure] [--json]",
       {},
       {{"from", OptionKind::text, "SOURCE", "", std::string(kSources)},
        {"measure", OptionKind::flag, "", "",
         "time short transfers between the ranks, two or more: by MPI between two of a node and between "
         "nodes, on GPU "
         "ranks copies from and to the GPU too"},
        {"json", OptionKind::flag, "", "", "print JSON"}},
       {"ditmesh topology", "mpirun -n 16 ditmesh topology --json",
        "nvidia-smi topo -m | ditmesh topology --from nvidia-smi",
        "ditmesh topology --from /etc/slurm/topology.conf", "ditmesh topology --from dgx-h100-x4 --json"}},
      run_topology};
}

}  // namespace ditmesh

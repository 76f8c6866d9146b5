// `ditmesh generate`: the main job.

#include <c10/core/InferenceMode.h>

#include <iostream>

#include "cluster_discovery.hpp"
#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/logging/logging.hpp"
#include "generate_job.hpp"
#include "generate_options.hpp"
#include "plan_options.hpp"
#include "rank_errors.hpp"
#include "rank_facts.hpp"
#include "signals.hpp"
#include "version.hpp"

namespace ditmesh {

namespace {

// What rank 0 tells the others at the start: go on with these options, or leave with this code.
struct Decision {
  int exit_code = 0;
  bool leave = false;
  bool forecast = false;  // first look at the nodes together
  std::string options;
};

std::string pack(const Decision& decision) {
  return cat(decision.exit_code, ' ', decision.leave ? 1 : 0, ' ', decision.forecast ? 1 : 0, '\n',
             decision.options);
}

Decision unpack(const std::string& text) {
  Decision decision;
  const size_t end = text.find('\n');
  const auto head = split(text.substr(0, end), ' ');
  decision.exit_code = static_cast<int>(*parse_int(head[0]));
  decision.leave = head[1] == "1";
  decision.forecast = head[2] == "1";
  decision.options = text.substr(end + 1);
  return decision;
}

// All ranks run the same program on the same libraries, or the job does not begin.
void check_same_versions(const std::vector<std::string>& reports) {
  const auto report = [](const std::string& text) { return text.substr(text.find('\n') + 1); };
  const auto host = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  for (size_t rank = 1; rank < reports.size(); ++rank) {
    if (report(reports[rank]) != report(reports[0])) {
      throw EnvironmentError(cat("the ranks do not run the same program: rank 0 on ", host(reports[0]),
                                 " has ", report(reports[0]), ", rank ", rank, " on ", host(reports[rank]),
                                 " has ", report(reports[rank])),
                             "install the same build on both hosts");
    }
  }
}

// Rank 0 decides, everybody follows; an error is told once.
Decision decide(const Command& command, const ProgramArguments& arguments, const Launch& launch,
                const MpiSession& mpi, const Log& log, std::unique_ptr<PreparedJob>& prepared) {
  const auto versions = mpi.all_gather(cat(MpiSession::host_name(), '\n', build_versions()));
  Decision decision;
  if (mpi.rank() == 0) {
    try {
      check_same_versions(versions);
      if (const auto options = resolve_options(command, arguments.after_command)) {
        const auto trouble = trouble_of(launch);
        if (trouble && !options->has("part")) {  // parts are worlds of their own
          // All of them find the same: the first says it.
          if (launch.slurm_task != 0) return {static_cast<int>(ExitCode::environment), true, false, {}};
          throw EnvironmentError(trouble->rule, trouble->remedy);
        }
        mpi.set_timeout(static_cast<double>(options->integer("timeout")));
        mpi.activity().set("reading the manifest and the model's description");
        prepared = std::make_unique<PreparedJob>(*options, mpi.size(), arguments.start, log);
        if (options->flag("dry-run")) {
          prepared->look_at_output(log);
          std::cout << prepared->describe();
          decision.leave = true;
          decision.forecast = !options->has("cluster");
          if (!decision.forecast)
            std::cout << prepared->forecast(read_cluster_source(options->text("cluster")).cluster,
                                            mpi.size());
        } else {
          decision.options = prepared->settings().options.to_json().dump();
        }
      } else {
        decision.leave = true;
      }
    } catch (const Error& error) {
      print_error(command.spec.name, error.what());
      decision = {static_cast<int>(error.exit_code()), true, false, {}};
    } catch (const std::exception& error) {
      print_error(command.spec.name, error.what());
      decision = {static_cast<int>(ExitCode::defect), true, false, {}};
    }
  }
  return unpack(mpi.broadcast(pack(decision)));
}

ExitCode run_generate(const Command& command, const ProgramArguments& arguments) {
  const LauncherEnvironment environment = launcher_environment();  // MPI_Init adds to it
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  catch_stop_signals();
  const Log log = make_log(mpi.rank() == 0 ? "" : cat("rank ", mpi.rank(), " on ", MpiSession::host_name()));
  std::unique_ptr<PreparedJob> prepared;
  const Decision decision =
      decide(command, arguments, launch_of(environment, mpi.size()), mpi, log, prepared);
  if (decision.forecast) {
    return run_together(mpi, command, [&] {
      const Cluster cluster = discover_cluster(mpi, nodes_of_ranks(mpi)).cluster;
      share_error(mpi, [&] { std::cout << prepared->forecast(cluster, mpi.size()); });
      return ExitCode::done;
    });
  }
  if (decision.leave) return static_cast<ExitCode>(decision.exit_code);
  const c10::InferenceMode no_gradients;
  return run_together(mpi, command, [&] {
    return run_generate_job(command, Options::from_json(Json::parse(decision.options)), prepared.get(),
                            arguments.start, mpi, log);
  });
}

}  // namespace

Command generate_command() { return {generate_spec(), run_generate}; }

}  // namespace ditmesh

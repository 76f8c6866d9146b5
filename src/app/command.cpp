#include "command.hpp"

#include <cstdlib>
#include <iostream>

#include "ditmesh/base/text.hpp"
#include "ditmesh/logging/logging.hpp"
#include "rank_errors.hpp"

namespace ditmesh {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> kCommands = {generate_command(), inspect_command(), verify_command(),
                                                 index_command(),    compare_command(), score_command(),
                                                 export_command(),   trace_command(),   topology_command(),
                                                 plan_command(),     doctor_command(),  bench_command()};
  return kCommands;
}

std::vector<CommandSpec> all_command_specs() {
  std::vector<CommandSpec> specs;
  for (const Command& command : all_commands()) specs.push_back(command.spec);
  return specs;
}

void abort_job(const MpiSession& mpi, const Command& command, const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  print_error(command.spec.name,
              cat("rank ", mpi.rank(), " on ", MpiSession::host_name(), ": ", error.what()));
  mpi.abort(static_cast<int>(ours != nullptr ? ours->exit_code() : ExitCode::defect));
}

MpiSession::OnTrouble abort_on_trouble(const Command& command) {
  return [&command](const MpiSession& mpi, const std::exception& error) { abort_job(mpi, command, error); };
}

ExitCode run_together(const MpiSession& mpi, const Command& command, const std::function<ExitCode()>& body) {
  try {
    return body();
  } catch (const AgreedError& error) {
    if (mpi.rank() == 0) print_error(command.spec.name, error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    abort_job(mpi, command, error);
  }
}

std::optional<Options> share_options(const MpiSession& mpi, const Command& command,
                                     const ProgramArguments& arguments) {
  std::optional<Options> options;
  share_error(mpi, [&] { options = resolve_options(command, arguments.after_command); });
  const std::string text = mpi.broadcast(options ? options->to_json().dump() : "");
  if (text.empty()) return std::nullopt;
  return Options::from_json(Json::parse(text));
}

ExitCode share_code(const MpiSession& mpi, ExitCode code_of_rank_0) {
  return static_cast<ExitCode>(*parse_int(mpi.broadcast(cat(static_cast<int>(code_of_rank_0)))));
}

std::optional<Options> resolve_options(const Command& command, const std::vector<std::string>& arguments) {
  const ParsedOptions parsed = parse_options(command.spec, all_command_specs(), arguments, system_sources());
  if (parsed.help) {
    std::cout << help_text(command.spec);
    return std::nullopt;
  }
  const Log log = make_log();
  for (const std::string& warning : parsed.warnings) log.warning(warning);
  if (parsed.print_config) {
    std::cout << parsed.options.to_ini(command.spec);
    return std::nullopt;
  }
  return parsed.options;
}

std::optional<Options> resolve_options_alone(const Command& command,
                                             const std::vector<std::string>& arguments) {
  auto options = resolve_options(command, arguments);
  const auto of_mpirun = [](const char* name) {  // no MPI is started for this
    const char* text = std::getenv(name);
    return text != nullptr ? parse_int(text).value_or(0) : 0;
  };
  const int64_t num_processes = of_mpirun("OMPI_COMM_WORLD_SIZE");
  if (!options || num_processes <= 1) return options;
  if (of_mpirun("OMPI_COMM_WORLD_RANK") != 0) return std::nullopt;
  throw ConfigError(
      cat("ditmesh ", command.spec.name, " runs in one process, mpirun started ", num_processes),
      "start it without mpirun");
}

}  // namespace ditmesh

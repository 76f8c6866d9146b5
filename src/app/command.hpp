#pragma once
// The commands of ditmesh: how each looks on the command line, and what runs it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/error.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/job/job_clock.hpp"
#include "options.hpp"

namespace ditmesh {

/// The process as main() got it; MPI wants to see it.
struct ProgramArguments {
  int* argc;
  char*** argv;
  std::vector<std::string> after_command;
  JobClock::time_point start;  // of the program
};

struct Command {
  CommandSpec spec;
  ExitCode (*run)(const Command& command, const ProgramArguments& arguments);
};

const std::vector<Command>& all_commands();
std::vector<CommandSpec> all_command_specs();

Command generate_command();
Command bench_command();
Command inspect_command();
Command verify_command();
Command index_command();
Command compare_command();
Command score_command();
Command export_command();
Command trace_command();
Command topology_command();
Command plan_command();
Command doctor_command();

/// Resolves the options of a command in this process, says warnings, and handles --help and --print-config:
/// nothing is returned when there is nothing left to do.
std::optional<Options> resolve_options(const Command& command, const std::vector<std::string>& arguments);

/// The same for a command that does not share its work: where mpirun started several processes, the first
/// throws ConfigError and the others have nothing left to do, so that nothing is done or said twice.
std::optional<Options> resolve_options_alone(const Command& command,
                                             const std::vector<std::string>& arguments);

/// The same for a command that runs on several ranks: rank 0 resolves, all learn. Throws AgreedError.
std::optional<Options> share_options(const MpiSession& mpi, const Command& command,
                                     const ProgramArguments& arguments);
/// Rank 0's code on all ranks.
ExitCode share_code(const MpiSession& mpi, ExitCode code_of_rank_0);

/// Ends all ranks for an error that only this one knows of, and says which rank it was.
[[noreturn]] void abort_job(const MpiSession& mpi, const Command& command, const std::exception& error);

/// The same for what a session's watchdog finds. `command` outlives the session.
MpiSession::OnTrouble abort_on_trouble(const Command& command);

/// Runs `body` on all ranks together. An AgreedError, which all of them throw, is told by rank 0 and every
/// rank leaves with its code; any other error ends all ranks at once, and says which rank it was.
ExitCode run_together(const MpiSession& mpi, const Command& command, const std::function<ExitCode()>& body);

}  // namespace ditmesh

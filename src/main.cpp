// ditmesh COMMAND [options]

#include <iostream>

#include "app/command.hpp"
#include "app/completion.hpp"
#include "app/version.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/logging/logging.hpp"

namespace {

using ditmesh::cat;
using ditmesh::ExitCode;

std::string overview() {
  std::string text =
      "ditmesh generates image datasets with diffusion transformers on many devices.\n\n"
      "usage: [mpirun -n N] ditmesh COMMAND [options]\n\n";
  for (const auto& command : ditmesh::all_commands()) {
    std::string name = "  " + command.spec.name;
    name.resize(14, ' ');
    text += name + command.spec.summary + "\n";
  }
  return text +
         "\n'ditmesh COMMAND --help' says more; 'ditmesh --version' names this build;\n"
         "'source <(ditmesh --bash-completion)' teaches bash the commands and options.\n";
}

ExitCode run(int argc, char** argv) {
  const auto start = ditmesh::JobClock::now();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    (arguments.empty() ? std::cerr : std::cout) << overview();
    return arguments.empty() ? ExitCode::bad_input : ExitCode::done;
  }
  if (arguments[0] == "--version") {
    std::cout << ditmesh::build_versions() << "\n";
    return ExitCode::done;
  }
  if (arguments[0] == "--bash-completion") {
    std::cout << ditmesh::bash_completion(ditmesh::all_command_specs());
    return ExitCode::done;
  }
  std::vector<std::string> names;
  for (const auto& command : ditmesh::all_commands()) {
    if (command.spec.name == arguments[0]) {
      return command.run(command, {&argc, &argv, {arguments.begin() + 1, arguments.end()}, start});
    }
    names.push_back(command.spec.name);
  }
  throw ditmesh::ConfigError(
      cat("there is no command '", arguments[0], "'", ditmesh::did_you_mean(arguments[0], names)),
      cat("the commands are ", ditmesh::join(names, ", ")));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
  try {
    const ExitCode code = run(argc, argv);
    if (!std::cout.flush()) {
      throw ditmesh::EnvironmentError("standard output cannot be written", "check where it is redirected to");
    }
    return static_cast<int>(code);
  } catch (const ditmesh::Error& error) {
    ditmesh::print_error(name, error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    ditmesh::print_error(name, error.what());
    return static_cast<int>(ExitCode::defect);
  }
}

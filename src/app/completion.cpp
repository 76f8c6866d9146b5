#include "completion.hpp"

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

std::string names_of(const CommandSpec& command) {
  std::vector<std::string> names;
  for (const OptionSpec& spec : command.options) names.push_back("--" + spec.name);
  for (const char* name : {"--config", "--print-config", "--help"}) names.emplace_back(name);
  return join(names, " ");
}

// The cases of options whose values are not files; without a value: what follows is completed as if the
// option were not there.
std::string cases_of(const CommandSpec& command) {
  std::string cases;
  for (const OptionSpec& spec : command.options) {
    const std::string pattern = cat("    ", command.name, ":--", spec.name, ") ");
    switch (spec.kind) {
      case OptionKind::flag:
        break;
      case OptionKind::choice:
        cases += cat(pattern, "words='", join(spec.choices, " "), "' ;;\n");
        break;
      case OptionKind::text:
        cases += cat(pattern, "files=1 ;;\n");
        break;
      case OptionKind::texts:
      case OptionKind::integer:
      case OptionKind::seed:
      case OptionKind::number:
        cases += cat(pattern, "return ;;\n");
        break;
    }
  }
  return cases + cat("    ", command.name, ":--config) files=1 ;;\n");
}

}  // namespace

std::string bash_completion(const std::vector<CommandSpec>& commands) {
  std::vector<std::string> names;
  std::string options;
  std::string values;
  for (const CommandSpec& command : commands) {
    names.push_back(command.name);
    options += cat("      ", command.name, ") words='", names_of(command), "' ;;\n");
    values += cat(cases_of(command));
  }
  return cat(R"(# Completion of ditmesh's commands and options in bash:
#   source <(ditmesh --bash-completion)
_ditmesh() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words='' files=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W ')",
             join(names, " "), R"( --help --version --bash-completion' -- "$word"))
    return
  fi
  case $command:$before in
)",
             values, R"(  esac
  if [[ -z $words && -z $files && $word == -* ]]; then
    case $command in
)",
             options, R"(    esac
  fi
  if [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _ditmesh ditmesh
)");
}

}  // namespace ditmesh

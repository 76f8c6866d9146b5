#pragma once
// The options of a command: declared once, given on the command line, in the
// environment or in a file, in that order of precedence.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"

namespace ditmesh {

enum class OptionKind {
  flag,
  text,
  texts,    // may be repeated
  integer,  // 64-bit, with `minimum` and `maximum`
  seed,     // 0 … 2^64 − 1
  number,
  choice
};

struct OptionSpec {
  std::string name;  // long, with hyphens
  OptionKind kind = OptionKind::text;
  std::string value_name;  // in the help text
  std::string fallback;    // empty: none, the help text says what then
  std::string help;
  std::vector<std::string> choices = {};
  double minimum = 0;
  double maximum = 9e18;
  bool required = false;
  std::string group = {};  // heading in the help text; empty: of those that have none
};

/// The same, required.
OptionSpec required(OptionSpec spec);

enum class Origin { fallback, file, environment, command_line };
std::string to_string(Origin origin);

/// A command as the command line sees it.
struct CommandSpec {
  std::string name;
  std::string summary;
  std::string usage;                    // what follows "ditmesh NAME "
  std::vector<std::string> positional;  // names of the operands, all required
  std::vector<OptionSpec> options;
  std::vector<std::string> examples = {};  // whole command lines

  /// Adds options under a heading of the help text.
  void add_group(const std::string& heading, std::vector<OptionSpec> group);
};

/// Resolved options of one command. Values have been checked against their specs.
class Options {
 public:
  bool has(const std::string& name) const;  // given, or with a fallback
  const std::string& text(const std::string& name) const;
  const std::vector<std::string>& texts(const std::string& name) const;
  int64_t integer(const std::string& name) const;
  uint64_t seed(const std::string& name) const;
  double number(const std::string& name) const;
  bool flag(const std::string& name) const;
  Origin origin(const std::string& name) const;

  /// {"name": {"value": …, "origin": "…"}}, to broadcast and for job.json.
  OrderedJson to_json() const;
  static Options from_json(const Json& json);
  /// As a configuration file that gives these options.
  std::string to_ini(const CommandSpec& command) const;

  struct Value {
    std::vector<std::string> values;
    Origin origin = Origin::fallback;
  };
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }

 private:
  const Value& at(const std::string& name) const;

  std::map<std::string, Value> values_;
};

/// Where options come from besides the command line.
struct OptionSources {
  std::function<std::optional<std::string>(const std::string&)> environment;  // by variable name
  std::vector<std::string> environment_names;                                 // all that begin with DITMESH_
  std::function<std::string(const std::string&)> read_file;
};
OptionSources system_sources();

struct ParsedOptions {
  Options options;
  bool help = false;
  bool print_config = false;
  std::vector<std::string> warnings;
};

/// Resolves the options of `command`; `arguments` follow the command's name.
/// `commands`: all, to check other sections of a file. Throws ConfigError.
ParsedOptions parse_options(const CommandSpec& command, const std::vector<CommandSpec>& commands,
                            const std::vector<std::string>& arguments, const OptionSources& sources);

/// DITMESH_TRUE_CFG for true-cfg.
std::string environment_name(const std::string& option);

std::string help_text(const CommandSpec& command);

}  // namespace ditmesh

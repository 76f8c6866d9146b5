#include "options.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>
#include <cstdlib>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "foreign_flags.hpp"
#include "ini_reader.hpp"

namespace ditmesh {

namespace {

namespace po = boost::program_options;

constexpr const char* kEnvironmentPrefix = "DITMESH_";

const OptionSpec* find_spec(const CommandSpec& command, const std::string& name) {
  const auto found = std::find_if(command.options.begin(), command.options.end(),
                                  [&](const OptionSpec& spec) { return spec.name == name; });
  return found == command.options.end() ? nullptr : &*found;
}

std::vector<std::string> option_names(const CommandSpec& command) {
  std::vector<std::string> names = {"help", "config", "print-config"};
  for (const OptionSpec& spec : command.options) names.push_back(spec.name);
  return names;
}

std::optional<bool> parse_flag(const std::string& text) {
  const std::string lower = to_lower_ascii(text);
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  return std::nullopt;
}

std::string bounds(const OptionSpec& spec) {
  const std::string least = cat(static_cast<int64_t>(spec.minimum));
  return spec.maximum < 1e18 ? cat(least, " to ", static_cast<int64_t>(spec.maximum))
                             : cat("at least ", least);
}

// Throws ConfigError unless `value` fits the spec. `source` says where it stands.
void check_value(const OptionSpec& spec, const std::string& value, const std::string& source) {
  const auto fail = [&](const std::string& rule) {
    throw ConfigError(cat(source, " must be ", rule, ", found '", value, "'"));
  };
  switch (spec.kind) {
    case OptionKind::flag:
      if (!parse_flag(value)) fail("true or false");
      break;
    case OptionKind::integer: {
      const auto number = parse_int(value);
      if (!number || static_cast<double>(*number) < spec.minimum ||
          static_cast<double>(*number) > spec.maximum) {
        fail("a whole number, " + bounds(spec));
      }
      break;
    }
    case OptionKind::seed:
      if (!parse_uint(value)) fail("a whole number from 0 to 18446744073709551615");
      break;
    case OptionKind::number: {
      const auto number = parse_double(value);
      if (!number || *number < spec.minimum || *number > spec.maximum) fail("a number, " + bounds(spec));
      break;
    }
    case OptionKind::choice:
      if (std::find(spec.choices.begin(), spec.choices.end(), value) == spec.choices.end()) {
        throw ConfigError(cat(source, " must be one of ", join(spec.choices, ", "), "; found '", value, "'",
                              did_you_mean(value, spec.choices)));
      }
      break;
    case OptionKind::text:
      // Only a negative prompt means something when it is empty.
      if (value.empty() && spec.name != "negative-prompt") fail("some text");
      break;
    case OptionKind::texts:
      break;
  }
}

[[noreturn]] void unknown_option(const CommandSpec& command, const std::string& token,
                                 const std::vector<std::string>& arguments) {
  std::string name = token.substr(token.find_first_not_of('-'));
  std::string value;
  if (const size_t equals = name.find('='); equals != std::string::npos) {
    value = name.substr(equals + 1);
    name.resize(equals);
  } else {
    const auto place = std::find(arguments.begin(), arguments.end(), token);
    if (place != arguments.end() && place + 1 != arguments.end() && !(place + 1)->starts_with("-"))
      value = *(place + 1);
  }
  const std::string rule = cat("'ditmesh ", command.name, "' has no option '--", name, "'");
  if (const auto ours = ours_for(name, value)) throw ConfigError(rule, cat("here it is ", *ours));
  std::string hyphens = name;
  std::replace(hyphens.begin(), hyphens.end(), '_', '-');
  throw ConfigError(rule + did_you_mean(hyphens, option_names(command)),
                    cat("see 'ditmesh ", command.name, " --help'"));
}

struct CommandLine {
  std::map<std::string, std::vector<std::string>> values;
  bool help = false;
  bool print_config = false;
};

// Boost finds options, values and operands; types and messages are ours.
CommandLine parse_command_line(const CommandSpec& command, const std::vector<std::string>& arguments) {
  po::options_description description;
  auto add = description.add_options();
  add("help", po::value<std::string>()->implicit_value("true"));
  add("print-config", po::value<std::string>()->implicit_value("true"));
  add("config", po::value<std::string>());
  for (const OptionSpec& spec : command.options) {
    auto* value = po::value<std::vector<std::string>>();
    if (spec.kind == OptionKind::flag) value->implicit_value({"true"}, "true");
    add(spec.name.c_str(), value);
  }
  add("operand", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("operand", -1);

  std::vector<std::string> normalised = arguments;
  std::replace(normalised.begin(), normalised.end(), std::string("-h"), std::string("--help"));
  // A flag takes a value only after "=": what follows it is something else.
  for (std::string& argument : normalised) {
    const OptionSpec* spec = argument.starts_with("--") ? find_spec(command, argument.substr(2)) : nullptr;
    const bool flag = (spec != nullptr && spec->kind == OptionKind::flag) || argument == "--help" ||
                      argument == "--print-config";
    if (flag) argument += "=true";
  }
  // No short options (so that -1 is a value) and no guessing of prefixes.
  constexpr int kStyle = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                         po::command_line_style::long_allow_next;
  CommandLine line;
  std::vector<std::string> operands;
  try {
    const auto parsed = po::command_line_parser(normalised)
                            .options(description)
                            .positional(positional)
                            .style(kStyle)
                            .allow_unregistered()
                            .run();
    for (const auto& option : parsed.options) {
      if (option.string_key == "operand") {
        operands.insert(operands.end(), option.value.begin(), option.value.end());
        continue;
      }
      if (option.unregistered) unknown_option(command, option.original_tokens.front(), normalised);
      if (option.string_key == "help") line.help = parse_flag(option.value.front()).value_or(true);
      if (option.string_key == "print-config")
        line.print_config = parse_flag(option.value.front()).value_or(true);
      auto& values = line.values[option.string_key];
      values.insert(values.end(), option.value.begin(), option.value.end());
      if (option.value.empty()) values.emplace_back("true");
    }
  } catch (const po::invalid_command_line_syntax& error) {
    throw ConfigError(cat("--",
                          error.get_option_name().substr(error.get_option_name().find_first_not_of('-')),
                          " needs a value"));
  } catch (const po::error& error) {
    throw ConfigError(error.what());
  }
  if (line.help) return line;
  for (const auto& [name, values] : line.values) {
    const OptionSpec* spec = find_spec(command, name);
    if (values.size() > 1 && (spec == nullptr || spec->kind != OptionKind::texts)) {
      throw ConfigError(cat("--", name, " is given ", values.size(), " times: ", join(values, ", ")),
                        "give it once");
    }
  }
  for (const std::string& operand : operands) {
    if (operand.starts_with("-") && operand.size() > 1) unknown_option(command, operand, normalised);
  }
  if (operands.size() > command.positional.size()) {
    const std::string& extra = operands[command.positional.size()];
    throw ConfigError(cat("'", extra, "' is one operand too many"),
                      cat("usage: ditmesh ", command.name, " ", command.usage));
  }
  for (size_t i = 0; i < operands.size(); ++i) line.values[command.positional[i]] = {operands[i]};
  return line;
}

// Values of `command` in a configuration file, by option.
std::map<std::string, std::vector<IniEntry>> parse_file(const CommandSpec& command,
                                                        const std::vector<CommandSpec>& commands,
                                                        const std::string& path,
                                                        const OptionSources& sources) {
  std::map<std::string, std::vector<IniEntry>> common;
  std::map<std::string, std::vector<IniEntry>> own;
  for (const IniEntry& entry : read_ini(sources.read_file(path), path)) {
    const std::string where = cat(path, ": line ", entry.line, ": ");
    std::vector<std::string> known;
    bool fits = false;
    bool section_known = entry.section.empty();
    std::vector<std::string> sections;
    for (const CommandSpec& candidate : commands) {
      sections.push_back(candidate.name);
      if (!entry.section.empty() && candidate.name != entry.section) continue;
      section_known = true;
      for (const OptionSpec& spec : candidate.options) {
        known.push_back(spec.name);
        fits = fits || spec.name == entry.key;
      }
    }
    if (!section_known) {
      throw ConfigError(
          cat(where, "section [", entry.section, "] is unknown", did_you_mean(entry.section, sections)),
          cat("sections are commands: ", join(sections, ", ")));
    }
    if (!fits) {
      std::string hyphens = entry.key;
      std::replace(hyphens.begin(), hyphens.end(), '_', '-');
      if (const auto ours = ours_for(entry.key, entry.value)) {
        throw ConfigError(cat(where, "key '", entry.key, "' is unknown"), cat("here it is ", *ours));
      }
      throw ConfigError(cat(where, "key '", entry.key, "' is unknown", did_you_mean(hyphens, known)));
    }
    const OptionSpec* spec = find_spec(command, entry.key);
    if (spec == nullptr || (!entry.section.empty() && entry.section != command.name)) continue;
    auto& values = (entry.section.empty() ? common : own)[entry.key];
    if (!values.empty() && spec->kind != OptionKind::texts) {
      throw ConfigError(cat(where, "key '", entry.key, "' stands in line ", values.front().line, " already"));
    }
    values.push_back(entry);
  }
  // A section's value is more special than one for all commands.
  own.merge(common);
  return own;
}

}  // namespace

OptionSpec required(OptionSpec spec) {
  spec.required = true;
  return spec;
}

void CommandSpec::add_group(const std::string& heading, std::vector<OptionSpec> group) {
  for (OptionSpec& option : group) {
    option.group = heading;
    options.push_back(std::move(option));
  }
}

std::string to_string(Origin origin) {
  switch (origin) {
    case Origin::fallback:
      return "default";
    case Origin::file:
      return "file";
    case Origin::environment:
      return "environment";
    case Origin::command_line:
      return "command line";
  }
  throw InternalError("an option has no origin");
}

const Options::Value& Options::at(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw InternalError(cat("the option --", name, " has no value"));
  return found->second;
}

bool Options::has(const std::string& name) const { return values_.contains(name); }
const std::string& Options::text(const std::string& name) const { return at(name).values.front(); }
const std::vector<std::string>& Options::texts(const std::string& name) const { return at(name).values; }
int64_t Options::integer(const std::string& name) const { return parse_int(text(name)).value(); }
uint64_t Options::seed(const std::string& name) const { return parse_uint(text(name)).value(); }
double Options::number(const std::string& name) const { return parse_double(text(name)).value(); }
bool Options::flag(const std::string& name) const { return has(name) && parse_flag(text(name)).value(); }
Origin Options::origin(const std::string& name) const { return at(name).origin; }

OrderedJson Options::to_json() const {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : values_) {
    json[name] = {
        {"value", value.values.size() == 1 ? OrderedJson(value.values.front()) : OrderedJson(value.values)},
        {"origin", to_string(value.origin)}};
  }
  return json;
}

Options Options::from_json(const Json& json) {
  Options options;
  for (const auto& [name, entry] : json.items()) {
    Value value;
    const Json& content = entry.at("value");
    value.values = content.is_array() ? content.get<std::vector<std::string>>()
                                      : std::vector<std::string>{content.get<std::string>()};
    for (const Origin origin : {Origin::fallback, Origin::file, Origin::environment, Origin::command_line}) {
      if (to_string(origin) == entry.at("origin").get<std::string>()) value.origin = origin;
    }
    options.set(name, value);
  }
  return options;
}

std::string Options::to_ini(const CommandSpec& command) const {
  std::string text = cat("[", command.name, "]\n");
  for (const OptionSpec& spec : command.options) {
    if (!has(spec.name)) {
      text += cat("# ", spec.name, " =\n");
      continue;
    }
    for (const std::string& value : texts(spec.name)) {
      if (value.find_first_of("\r\n") != std::string::npos) {
        throw ConfigError(cat("--", spec.name, " has a line end, which a configuration file cannot hold"),
                          "put it into a manifest");
      }
      text += cat(spec.name, " = ", ini_value(value), "\n");
    }
  }
  return text;
}

std::string environment_name(const std::string& option) {
  std::string name = kEnvironmentPrefix;
  for (const char c : option) name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(c)));
  return name;
}

OptionSources system_sources() {
  OptionSources sources;
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    if (line.starts_with(kEnvironmentPrefix))
      sources.environment_names.emplace_back(line.substr(0, line.find('=')));
  }
  sources.read_file = [](const std::string& path) { return read_file(path); };
  return sources;
}

ParsedOptions parse_options(const CommandSpec& command, const std::vector<CommandSpec>& commands,
                            const std::vector<std::string>& arguments, const OptionSources& sources) {
  ParsedOptions parsed;
  const CommandLine line = parse_command_line(command, arguments);
  parsed.help = line.help;
  parsed.print_config = line.print_config;
  if (line.help) return parsed;

  std::map<std::string, std::vector<IniEntry>> file;
  std::string path;
  if (line.values.contains("config")) {
    path = line.values.at("config").front();
  } else if (const auto named = sources.environment("DITMESH_CONFIG")) {
    path = *named;
  }
  if (!path.empty()) file = parse_file(command, commands, path, sources);

  for (const OptionSpec& spec : command.options) {
    const auto take = [&](std::vector<std::string> values, Origin origin, const std::string& source) {
      for (const std::string& value : values) check_value(spec, value, source);
      parsed.options.set(spec.name, {std::move(values), origin});
    };
    const std::string variable = environment_name(spec.name);
    if (const auto given = line.values.find(spec.name); given != line.values.end()) {
      take(given->second, Origin::command_line, "--" + spec.name);
    } else if (const auto value = sources.environment(variable)) {
      // A variable has one value: of an option that may be repeated, each line is one.
      take(spec.kind == OptionKind::texts ? split(*value, '\n') : std::vector<std::string>{*value},
           Origin::environment, variable);
    } else if (const auto entries = file.find(spec.name); entries != file.end()) {
      std::vector<std::string> values;
      for (const IniEntry& entry : entries->second) values.push_back(entry.value);
      take(values, Origin::file, cat(path, ": line ", entries->second.front().line, ": ", spec.name));
    } else if (!spec.fallback.empty()) {
      take({spec.fallback}, Origin::fallback, "--" + spec.name);
    }
  }

  // Operands stand on the command line only.
  for (const std::string& operand : command.positional) {
    if (const auto given = line.values.find(operand); given != line.values.end()) {
      if (given->second.front().empty()) throw ConfigError(cat(operand, " is empty"), "give a path");
      parsed.options.set(operand, {given->second, Origin::command_line});
    } else if (!parsed.print_config) {
      throw ConfigError(cat(operand, " is missing"),
                        cat("usage: ditmesh ", command.name, " ", command.usage));
    }
  }
  for (const OptionSpec& spec : command.options) {
    if (spec.required && !parsed.options.has(spec.name) && !parsed.print_config) {
      throw ConfigError(cat("--", spec.name, " is missing"), cat("see 'ditmesh ", command.name, " --help'"));
    }
  }

  std::vector<std::string> variables = {"DITMESH_CONFIG", "DITMESH_DEPS", "DITMESH_CUDA"};
  for (const CommandSpec& candidate : commands) {
    for (const OptionSpec& spec : candidate.options) variables.push_back(environment_name(spec.name));
  }
  for (const std::string& name : sources.environment_names) {
    if (name.starts_with("DITMESH_TEST_")) continue;
    if (std::find(variables.begin(), variables.end(), name) == variables.end()) {
      parsed.warnings.push_back(cat("the environment variable ", name, " is unknown and has no effect",
                                    did_you_mean(name, variables)));
    }
  }
  return parsed;
}

std::string help_text(const CommandSpec& command) {
  std::string text = cat("ditmesh ", command.name, " ", command.usage, "\n\n", command.summary, "\n\n");
  const auto add = [&](const std::string& left, const std::string& help) {
    constexpr size_t kColumn = 32;
    constexpr size_t kWidth = 100;
    std::string line = cat("  ", left);
    const size_t wide = decode_utf8(line).size();  // columns, not bytes
    if (wide + 2 > kColumn) {
      text += line + "\n";
      line = std::string(kColumn, ' ');
    } else {
      line += std::string(kColumn - wide, ' ');
    }
    for (const std::string& word : split(help, ' ')) {
      if (line.size() + word.size() > kWidth) {
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
        line = std::string(kColumn, ' ');
      }
      line += word + " ";
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  std::string heading;
  for (const OptionSpec& spec : command.options) {
    if (spec.group != heading) {
      heading = spec.group;
      text += cat(text.ends_with("\n\n") ? "" : "\n", heading, ":\n");
    }
    std::string left = "--" + spec.name;
    if (spec.kind == OptionKind::choice) {
      left += cat(" ", join(spec.choices, "|"));
    } else if (!spec.value_name.empty()) {
      left += cat(" ", spec.value_name);
    }
    std::string help = spec.help;
    if (spec.required) help += " (required)";
    if (!spec.fallback.empty() && spec.kind != OptionKind::flag)
      help += cat(" (default ", spec.fallback, ")");
    add(left, help);
  }
  if (!heading.empty()) text += "\nThe command line itself:\n";
  add("--config FILE", "options as 'key = value' lines, in [sections] named like commands or before them");
  add("--print-config", "print the resolved options as such a file, and do nothing else");
  add("--help", "print this");
  if (!command.examples.empty()) text += cat("\nFor example:\n  ", join(command.examples, "\n  "), "\n");
  text +=
      "\nEvery option can also stand in the environment, as DITMESH_ and its name in upper case\n"
      "(DITMESH_TRUE_CFG for --true-cfg). Command line beats environment beats file.\n";
  return text;
}

}  // namespace ditmesh

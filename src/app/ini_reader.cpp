#include "ini_reader.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

bool is_quoted(std::string_view text) {
  return text.size() >= 2 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
}

}  // namespace

std::vector<IniEntry> read_ini(std::string_view text, const std::string& name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<IniEntry> entries;
  std::string section;
  int line_number = 0;
  for (const std::string& raw : split(text, '\n')) {
    ++line_number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      if (line.back() != ']') {
        throw ConfigError(
            cat(name, ": line ", line_number, ": a section must end with ], found '", line, "'"));
      }
      section = trim(line.substr(1, line.size() - 2));
      continue;
    }
    const size_t equals = line.find('=');
    const std::string_view key = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || key.empty()) {
      throw ConfigError(cat(name, ": line ", line_number, ": expected key = value, found '", line, "'"),
                        "a comment begins with # or ;");
    }
    std::string_view value = trim(line.substr(equals + 1));
    if (is_quoted(value)) value = value.substr(1, value.size() - 2);
    entries.push_back({section, std::string(key), std::string(value), line_number});
  }
  return entries;
}

std::string ini_value(const std::string& value) {
  const bool plain = trim(value).size() == value.size() && !is_quoted(value);
  return plain ? value : cat('"', value, '"');
}

}  // namespace ditmesh

#pragma once
// Configuration files: the line reader in front of the options.

#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

struct IniEntry {
  std::string section;  // empty: before the first section
  std::string key;
  std::string value;
  int line = 0;

  bool operator==(const IniEntry&) const = default;
};

/// `key = value` lines under `[section]` lines. A comment is a line that begins
/// with # or ; and never the rest of a value; a byte order mark, CRLF and one
/// pair of quotes around a value are removed. Throws ConfigError "NAME: line N: …".
std::vector<IniEntry> read_ini(std::string_view text, const std::string& name);

/// `value` as a line that read_ini gives back: quoted if blanks or quotes at its ends ask for it.
std::string ini_value(const std::string& value);

}  // namespace ditmesh

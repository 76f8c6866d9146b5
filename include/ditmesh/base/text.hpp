#pragma once
// Small text helpers that the standard library of GCC 12 lacks.

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// Concatenates anything that can be streamed: `cat("got ", 3)` → "got 3".
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// "1024x768" and the like: the elements joined by `separator`.
template <typename Range>
std::string join(const Range& items, std::string_view separator) {
  std::ostringstream out;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out << separator;
    out << item;
    first = false;
  }
  return out.str();
}

/// Splits at every `separator`; "a,,b" has three parts, "" has one.
std::vector<std::string> split(std::string_view text, char separator);

/// Without blanks, tabs and line ends at both ends.
std::string_view trim(std::string_view text);

std::string to_lower_ascii(std::string_view text);

/// The whole text as a signed integer; nothing for "", "1x", "1.0" or overflow.
std::optional<int64_t> parse_int(std::string_view text);

/// The whole text as an unsigned integer; nothing for "-1" or overflow.
std::optional<uint64_t> parse_uint(std::string_view text);

/// The whole text as a finite number.
std::optional<double> parse_double(std::string_view text);

/// The candidate with the fewest edits to `text`, if that is few enough to be
/// a slip of the finger (at most a third of its length, and at least 1).
std::optional<std::string> nearest(std::string_view text, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" for the nearest candidate, or "".
std::string did_you_mean(std::string_view text, const std::vector<std::string>& candidates);

/// counted(1, "shard") → "1 shard", counted(3, "shard") → "3 shards".
std::string counted(int64_t number, std::string_view noun);

/// fixed(2.345, 1) → "2.3".
std::string fixed(double value, int digits);

/// 0.525 → "52.5 %".
std::string percent(double share);

/// 1536 → "1.5 KiB".
std::string human_bytes(uint64_t bytes);

/// 3725 → "1:02:05"; below a minute "12.3 s".
std::string human_seconds(double seconds);

/// Decodes standard base64; throws ConfigError naming `what` for other input.
std::string base64_decode(std::string_view text, std::string_view what);

}  // namespace ditmesh

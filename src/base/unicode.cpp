#include "ditmesh/base/unicode.hpp"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Calls `use(code point)` for each code point; returns the offset of the first invalid byte.
template <typename Use>
std::optional<size_t> for_each_code_point(std::string_view text, Use use) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  size_t offset = 0;
  while (offset < text.size()) {
    utf8proc_int32_t code_point = 0;
    const auto used =
        utf8proc_iterate(bytes + offset, static_cast<utf8proc_ssize_t>(text.size() - offset), &code_point);
    if (used < 0) return offset;
    use(static_cast<char32_t>(code_point));
    offset += static_cast<size_t>(used);
  }
  return std::nullopt;
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

}  // namespace

std::optional<size_t> find_invalid_utf8(std::string_view text) {
  return for_each_code_point(text, [](char32_t) {});
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string code_points;
  code_points.reserve(text.size());
  const auto invalid = for_each_code_point(text, [&](char32_t c) { code_points.push_back(c); });
  if (invalid) {
    throw ConfigError(cat("text must be valid UTF-8, byte ", *invalid, " is not"), "save it as UTF-8");
  }
  return code_points;
}

void append_utf8(std::string& text, char32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

std::string encode_utf8(std::u32string_view code_points) {
  std::string text;
  text.reserve(code_points.size());
  for (const char32_t c : code_points) append_utf8(text, c);
  return text;
}

std::string normalize_nfc(std::string_view text) {
  utf8proc_uint8_t* composed = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &composed,
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  if (size < 0) throw ConfigError(cat("text cannot be normalised: ", utf8proc_errmsg(size)));
  return {reinterpret_cast<const char*>(composed), static_cast<size_t>(size)};
}

std::vector<std::string_view> grapheme_clusters(std::string_view text) {
  std::vector<std::string_view> clusters;
  utf8proc_int32_t state = 0;
  char32_t previous = 0;
  size_t begin = 0;
  size_t place = 0;
  for_each_code_point(text, [&](char32_t c) {
    if (place > 0 && utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous),
                                                      static_cast<utf8proc_int32_t>(c), &state)) {
      clusters.push_back(text.substr(begin, place - begin));
      begin = place;
    }
    previous = c;
    place += c < 0x80 ? 1U : c < 0x800 ? 2U : c < 0x10000 ? 3U : 4U;
  });
  if (begin < text.size()) clusters.push_back(text.substr(begin));
  return clusters;
}

std::u32string to_lower(std::u32string_view code_points) {
  std::u32string lower;
  lower.reserve(code_points.size());
  for (const char32_t c : code_points) {
    // The one code point whose unconditional lower case is two code points.
    if (c == U'\u0130') {
      lower += U"i\u0307";
    } else {
      lower.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return lower;
}

bool is_letter(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_white_space(char32_t c) {
  if ((c >= 0x09 && c <= 0x0D) || c == 0x85) return true;
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_ZS && kind <= UTF8PROC_CATEGORY_ZP;
}

bool is_control(char32_t c) { return category(c) == UTF8PROC_CATEGORY_CC; }

std::string printable(std::string_view text, size_t max_bytes) {
  const auto escaped = [](uint8_t byte) -> std::string {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (byte == '\n') return "\\n";
    if (byte == '\r') return "\\r";
    if (byte == '\t') return "\\t";
    return {'\\', 'x', kDigits[byte / 16], kDigits[byte % 16]};
  };
  std::string shown;
  while (!text.empty()) {
    utf8proc_int32_t code_point = -1;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
    const bool is_valid = size > 0;
    const size_t num_bytes = is_valid ? static_cast<size_t>(size) : 1;
    std::string character(text.substr(0, num_bytes));
    if (!is_valid || is_control(static_cast<char32_t>(code_point))) {
      std::string bytes;
      for (const char c : character) bytes += escaped(static_cast<uint8_t>(c));
      character = bytes;
    }
    if (shown.size() + character.size() > max_bytes) return shown + "…";
    shown += character;
    text.remove_prefix(num_bytes);
  }
  return shown;
}

}  // namespace ditmesh

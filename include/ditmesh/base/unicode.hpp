#pragma once
// Unicode text: what the tokenizers and the manifest need, by utf8proc.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// Byte offset of the first byte that is not part of valid UTF-8; nothing if all is valid.
std::optional<size_t> find_invalid_utf8(std::string_view text);

/// Code points of valid UTF-8; throws ConfigError with the byte offset otherwise.
std::u32string decode_utf8(std::string_view text);

std::string encode_utf8(std::u32string_view code_points);
void append_utf8(std::string& text, char32_t code_point);

/// Canonical composition (NFC) of valid UTF-8.
std::string normalize_nfc(std::string_view text);

/// The extended grapheme clusters of valid UTF-8 (UAX #29), as views of `text`.
std::vector<std::string_view> grapheme_clusters(std::string_view text);

/// Full lower case, each code point by itself (as Rust's char::to_lowercase).
std::u32string to_lower(std::u32string_view code_points);

bool is_letter(char32_t c);       // general category L*
bool is_number(char32_t c);       // general category N*
bool is_white_space(char32_t c);  // property White_Space
bool is_control(char32_t c);      // general category Cc

/// For a line on a terminal: control characters and bytes that are no UTF-8 as "\\n", "\\x1b"; what exceeds
/// `max_bytes` (after that) is cut off between two characters, and "…" follows.
std::string printable(std::string_view text, size_t max_bytes);

}  // namespace ditmesh

#pragma once
// Text as a program printed it, from what people's terminals, web pages and editors made of it.

#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// The lines without byte order mark, line ends of any kind, terminal escapes and control characters other
/// than tabs; blanks of web pages (no-break and the like) are blanks.
std::vector<std::string> plain_lines(std::string_view text);

/// The text behind a byte order mark of UTF-8, if it begins with one.
std::string_view without_byte_order_mark(std::string_view text);

/// The parts between blanks and tabs.
std::vector<std::string> words_of(std::string_view line);

}  // namespace ditmesh

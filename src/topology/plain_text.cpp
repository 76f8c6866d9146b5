#include "plain_text.hpp"

namespace ditmesh {

namespace {

constexpr char kEscape = '\x1b';

// The length of a terminal's colour code at the front of `text`, also of one whose first byte got lost
// ("[4m").
size_t escape_length(std::string_view text) {
  const bool whole = text.front() == kEscape;
  size_t end = whole ? 1 : 0;
  if (end >= text.size() || text[end] != '[') return whole ? 1 : 0;
  ++end;
  while (end < text.size() &&
         (text[end] == ';' || text[end] == '?' || (text[end] >= '0' && text[end] <= '9')))
    ++end;
  if (end >= text.size()) return whole ? end : 0;
  const bool is_final = text[end] >= '@' && text[end] <= '~';
  if (whole) return is_final ? end + 1 : end;
  return text[end] == 'm' && end > 1 ? end + 1 : 0;
}

struct Replaced {
  std::string_view bytes;
  std::string_view by;
};

// UTF-8 of blanks that look like one, and of marks that are not seen.
constexpr Replaced kReplaced[] = {
    {"\xc2\xa0", " "},     {"\xe2\x80\x87", " "}, {"\xe2\x80\xaf", " "}, {"\xe2\x80\x82", " "},
    {"\xe2\x80\x83", " "}, {"\xe2\x80\x89", " "}, {"\xe3\x80\x80", " "}, {"\xe2\x80\x8b", ""},
    {"\xe2\x81\xa0", ""},  {"\xef\xbb\xbf", ""},
};

const Replaced* replaced_at(std::string_view text) {
  if (static_cast<unsigned char>(text.front()) < 0x80) return nullptr;
  for (const Replaced& replaced : kReplaced) {
    if (text.starts_with(replaced.bytes)) return &replaced;
  }
  return nullptr;
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

std::vector<std::string> plain_lines(std::string_view text) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const char c = text.front();
    if (c == '\n' || c == '\r') {
      text.remove_prefix(text.starts_with("\r\n") ? 2 : 1);
      lines.emplace_back();
      continue;
    }
    if (const size_t length = escape_length(text); length > 0) {
      text.remove_prefix(length);
      continue;
    }
    if (const Replaced* replaced = replaced_at(text)) {
      lines.back() += replaced->by;
      text.remove_prefix(replaced->bytes.size());
      continue;
    }
    if (c == '\t' || static_cast<unsigned char>(c) >= ' ') lines.back() += c;
    text.remove_prefix(1);
  }
  return lines;
}

std::vector<std::string> words_of(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string> words;
  size_t begin = line.find_first_not_of(kBlanks);
  while (begin != std::string_view::npos) {
    const size_t end = line.find_first_of(kBlanks, begin);
    words.emplace_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

}  // namespace ditmesh

#include "ditmesh/topology/hostlist.hpp"

#include <algorithm>
#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Reads one host list; keeps the text for its errors.
class HostlistReader {
 public:
  HostlistReader(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  std::vector<std::string> read() {
    std::vector<std::string> names;
    size_t begin = 0;
    for (size_t end = 0; end <= text_.size(); ++end) {
      if (end < text_.size() && text_[end] == '[') end = closing_bracket(end);
      if (end == text_.size() || text_[end] == ',') {
        const std::string_view item = trim(text_.substr(begin, end - begin));
        if (!item.empty()) append(expand(item), names);
        begin = end + 1;
      }
    }
    return names;
  }

 private:
  // A part of a name: the literal text before a bracket, and what stands in the bracket.
  struct Piece {
    std::string literal;
    std::vector<std::string> numbers;
  };

  [[noreturn]] void refuse(const std::string& rule) const {
    const bool is_long = text_.size() > 80;
    throw ConfigError(cat(what_, " '", text_.substr(0, 80), is_long ? "…" : "", "' ", rule),
                      "host lists look like node[01-16,20],login1");
  }

  size_t closing_bracket(size_t open) const {
    const size_t end = text_.find_first_of("[]", open + 1);
    if (end == std::string_view::npos || text_[end] == '[') refuse("has a bracket that is not closed");
    return end;
  }

  void append(std::vector<std::string> more, std::vector<std::string>& names) const {
    check_count(static_cast<int64_t>(names.size() + more.size()));
    std::move(more.begin(), more.end(), std::back_inserter(names));
  }

  void check_count(int64_t count) const {
    if (count > kMaxHosts) refuse(cat("stands for more than ", kMaxHosts, " names"));
  }

  std::vector<std::string> expand(std::string_view item) const {
    std::vector<Piece> pieces;
    std::string_view rest = item;
    for (size_t open = rest.find('['); open != std::string_view::npos; open = rest.find('[')) {
      const size_t close = rest.find(']', open);  // there is one: read() has looked
      if (rest.substr(0, open).find(']') != std::string_view::npos)
        refuse("closes a bracket that is not open");
      pieces.push_back(
          {std::string(rest.substr(0, open)), numbers_in(rest.substr(open + 1, close - open - 1))});
      rest = rest.substr(close + 1);
    }
    if (rest.find(']') != std::string_view::npos) refuse("closes a bracket that is not open");
    const std::string suffix(rest);
    if (pieces.empty()) return {suffix};

    // The last bracket runs fastest, then the first, the second, …
    std::vector<size_t> order = {pieces.size() - 1};
    for (size_t i = 0; i + 1 < pieces.size(); ++i) order.push_back(i);
    int64_t total = 1;
    for (const Piece& piece : pieces) {
      total *= static_cast<int64_t>(piece.numbers.size());
      check_count(total);
    }
    std::vector<std::string> names;
    std::vector<size_t> chosen(pieces.size(), 0);
    for (int64_t i = 0; i < total; ++i) {
      std::string name;
      for (size_t piece = 0; piece < pieces.size(); ++piece) {
        name += pieces[piece].literal + pieces[piece].numbers[chosen[piece]];
      }
      names.push_back(name + suffix);
      for (const size_t piece : order) {
        if (++chosen[piece] < pieces[piece].numbers.size()) break;
        chosen[piece] = 0;
      }
    }
    return names;
  }

  // "1-3,07" → 1 2 3 07
  std::vector<std::string> numbers_in(std::string_view bracket) const {
    std::vector<std::string> numbers;
    for (const std::string& part : split(bracket, ',')) {
      const size_t dash = part.find('-');
      const std::string_view first = trim(std::string_view(part).substr(0, dash));
      const std::string_view last =
          dash == std::string::npos ? first : trim(std::string_view(part).substr(dash + 1));
      const uint64_t from = decimal(first);
      const uint64_t to = decimal(last);
      if (to < from) refuse(cat("has the falling range ", part));
      if (to - from >= static_cast<uint64_t>(kMaxHosts)) check_count(kMaxHosts + 1);
      check_count(static_cast<int64_t>(numbers.size() + (to - from) + 1));
      for (uint64_t number = from; number <= to; ++number) {
        std::string digits = std::to_string(number);
        if (digits.size() < first.size()) digits.insert(0, first.size() - digits.size(), '0');
        numbers.push_back(std::move(digits));
      }
    }
    return numbers;
  }

  uint64_t decimal(std::string_view text) const {
    const bool is_decimal =
        !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!is_decimal)
      refuse(cat("has '", text, "' in a bracket, where decimal numbers and ranges of them stand"));
    return *parse_uint(text);
  }

  std::string_view text_;
  std::string_view what_;
};

// A name as the text before its last number, the number, and what follows.
struct Numbered {
  std::string prefix;
  std::string digits;
  std::string suffix;
};

std::optional<Numbered> split_number(const std::string& name) {
  const size_t end = name.find_last_of("0123456789");
  if (end == std::string::npos) return std::nullopt;
  size_t begin = end;
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(name[begin - 1])) != 0) --begin;
  if (end - begin >= 18) return std::nullopt;
  return Numbered{name.substr(0, begin), name.substr(begin, end + 1 - begin), name.substr(end + 1)};
}

// Whether `next` is what a range written with the width of `first` gives after `last`.
bool goes_on(const std::string& first, const std::string& last, const std::string& next) {
  std::string expected = std::to_string(*parse_uint(last) + 1);
  if (expected.size() < first.size()) expected.insert(0, first.size() - expected.size(), '0');
  return next == expected;
}

}  // namespace

std::vector<std::string> expand_hostlist(std::string_view text, std::string_view what) {
  return HostlistReader(text, what).read();
}

std::string compress_hostlist(const std::vector<std::string>& names) {
  std::vector<std::string> items;
  for (size_t i = 0; i < names.size();) {
    const auto head = split_number(names[i]);
    if (!head) {
      items.push_back(names[i++]);
      continue;
    }
    std::vector<std::string> ranges;
    size_t end = i;
    while (end < names.size()) {  // a range at a time, while prefix and suffix stay
      const auto first = split_number(names[end]);
      if (!first || first->prefix != head->prefix || first->suffix != head->suffix) break;
      std::string last = first->digits;
      for (++end; end < names.size(); ++end) {
        const auto next = split_number(names[end]);
        if (!next || next->prefix != head->prefix || next->suffix != head->suffix) break;
        if (!goes_on(first->digits, last, next->digits)) break;
        last = next->digits;
      }
      ranges.push_back(last == first->digits ? last : first->digits + "-" + last);
    }
    items.push_back(end == i + 1 ? names[i] : cat(head->prefix, "[", join(ranges, ","), "]", head->suffix));
    i = end;
  }
  return join(items, ",");
}

}  // namespace ditmesh

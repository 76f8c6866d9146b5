#include "word_reader.hpp"

#include <algorithm>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr size_t kShownBefore = 4;  // words: enough to find the place in a caption that repeats itself

std::string_view without_end_mark(std::string_view text) {
  if (text.ends_with('.') || text.ends_with('!')) text.remove_suffix(1);
  return trim(text);
}

// What stands between quotes, with the mark inside or outside of them.
std::string_view bare(std::string_view text) {
  text = without_end_mark(trim(text));
  if (text.size() < 2 || text.front() != text.back() || (text.front() != '"' && text.front() != '\''))
    return text;
  return without_end_mark(trim(text.substr(1, text.size() - 2)));
}

}  // namespace

WordReader::WordReader(std::string_view text) : text_(bare(text)) {
  const std::string lower = to_lower_ascii(text_);
  size_t begin = 0;
  for (size_t i = 0; i <= lower.size(); ++i) {
    const char c = i < lower.size() ? lower[i] : ' ';
    if (std::string_view(" \t\r\n-,;:").find(c) == std::string_view::npos) continue;
    if (i > begin) words_.push_back({lower.substr(begin, i - begin), begin, i});
    begin = i + 1;
    if (c == ',' || c == ';') words_.push_back({",", i, i + 1});
    if (c == ':') words_.push_back({":", i, i + 1});
  }
}

bool WordReader::accept(std::string_view phrase) {
  size_t i = at_;
  for (const std::string& each : split(phrase, ' ')) {
    if (i == words_.size() || words_[i++].text != each) return false;
  }
  at_ = i;
  return true;
}

bool WordReader::accept_one_of(std::initializer_list<std::string_view> phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view phrase) { return accept(phrase); });
}

std::string_view WordReader::original(size_t first, size_t last) const {
  return std::string_view(text_).substr(words_[first].begin, words_[last].end - words_[first].begin);
}

std::string WordReader::describe(const NotUnderstood& problem) const {
  std::string text;
  if (problem.at > 0) {
    const size_t first = problem.at > kShownBefore ? problem.at - kShownBefore : 0;
    text = cat("after '", original(first, problem.at - 1), "', ");
  }
  text += problem.at < words_.size() ? cat("at '", original(problem.at, problem.at), "'") : "at its end";
  return cat(text, ": ", problem.reason);
}

}  // namespace ditmesh

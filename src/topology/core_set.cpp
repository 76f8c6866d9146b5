#include "core_set.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Far above any machine, and small enough that a damaged range does not eat the memory.
constexpr int64_t kMaxNumber = 65535;
constexpr size_t kMaxWords = (kMaxNumber + 1) / 32;

bool add_range(std::string_view item, std::vector<int>& numbers) {
  const size_t dash = item.find('-');
  const auto first = parse_int(trim(item.substr(0, dash)));
  const auto last = dash == std::string_view::npos ? first : parse_int(trim(item.substr(dash + 1)));
  if (!first || !last || *first < 0 || *last < *first || *last > kMaxNumber) return false;
  for (int64_t number = *first; number <= *last; ++number) numbers.push_back(static_cast<int>(number));
  return numbers.size() <= 2 * (kMaxNumber + 1);
}

std::optional<uint32_t> parse_word(std::string_view text) {
  uint32_t word = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), word, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || text.size() > 8) return {};
  return word;
}

}  // namespace

std::optional<std::vector<int>> parse_number_list(std::string_view text) {
  text = trim(text);
  if (text.ends_with(',')) text.remove_suffix(1);  // where a line was cut to its width
  std::vector<int> numbers;
  for (const std::string& item : split(text, ',')) {
    if (!add_range(item, numbers)) return std::nullopt;
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

std::optional<std::vector<int>> parse_core_mask(std::string_view text) {
  const auto words = split(trim(text), ',');
  if (words.size() > kMaxWords) return std::nullopt;
  std::vector<int> cores;
  for (size_t i = words.size(); i-- > 0;) {
    const auto word = parse_word(trim(words[i]));
    if (!word) return std::nullopt;
    for (int bit = 0; bit < 32; ++bit) {
      if ((*word >> bit & 1) != 0) cores.push_back(static_cast<int>(words.size() - 1 - i) * 32 + bit);
    }
  }
  return cores;
}

}  // namespace ditmesh

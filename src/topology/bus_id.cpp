#include "ditmesh/topology/bus_id.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

int parse_hex(std::string_view text) {
  text = trim(text);
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  const bool whole = error == std::errc{} && end == text.data() + text.size() && !text.empty();
  return whole && value >= 0 ? value : -1;
}

std::string canonical_bus_id(std::string_view text) {
  const std::string lower = to_lower_ascii(trim(text));
  std::vector<std::string> parts = split(lower, ':');
  if (parts.size() == 2) parts.insert(parts.begin(), "0");
  if (parts.size() != 3 || parse_hex(parts[0]) < 0) return lower;
  std::string domain = parts[0];
  domain.erase(0, std::min(domain.find_first_not_of('0'), domain.size()));
  if (domain.size() < 4) domain.insert(0, 4 - domain.size(), '0');
  return cat(domain, ":", parts[1], ":", parts[2]);
}

std::string bus_id_of(unsigned domain, unsigned bus, unsigned device, unsigned function) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", domain, bus, device, function);
  return text.data();
}

bool is_bus_id(std::string_view text) {
  // 0000:3b:00.0
  return text.size() >= 12 && text[text.size() - 2] == '.' && std::count(text.begin(), text.end(), ':') == 2;
}

bool is_hidden_bus_id(std::string_view text) {
  std::string digits = to_lower_ascii(trim(text));
  std::erase_if(digits, [](char c) { return c == ':' || c == '.'; });
  // The function, the last digit, is 0 in some versions.
  constexpr size_t kFewest = 8;
  return digits.size() >= kFewest && digits.find_first_not_of('f') >= digits.size() - 1 &&
         (digits.back() == 'f' || digits.back() == '0');
}

}  // namespace ditmesh

#include "charsmap.hpp"

#include <cstring>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMaxClusterBytes = 5;

// Fields of a double-array unit. Source: Darts-clone.
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }
bool has_value(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
uint32_t label_of(uint32_t unit) { return unit & ((1U << 31) | 0xFF); }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }

}  // namespace

Charsmap::Charsmap(const std::string& blob, const std::string& where) {
  if (blob.empty()) return;
  uint32_t size = 0;
  if (blob.size() >= sizeof size) std::memcpy(&size, blob.data(), sizeof size);
  if (size == 0 || size % 4 != 0 || size > blob.size() - sizeof size) {
    throw ConfigError(cat(where, ": the normalisation rules say ", size, " bytes, there are ", blob.size()),
                      "fetch the model again");
  }
  units_.resize(size / 4);
  std::memcpy(units_.data(), blob.data() + sizeof size, size);
  replacements_ = blob.substr(sizeof size + size);
}

std::optional<std::string_view> Charsmap::shortest_prefix(std::string_view text) const {
  size_t place = offset_of(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return std::nullopt;
    place ^= byte;
    if (place >= units_.size() || label_of(units_[place]) != byte) return std::nullopt;
    const uint32_t unit = units_[place];
    place ^= offset_of(unit);
    if (place >= units_.size()) return std::nullopt;
    if (has_value(unit)) {
      const size_t begin = value_of(units_[place]);
      if (begin >= replacements_.size()) return std::nullopt;
      return std::string_view(replacements_.c_str() + begin);
    }
  }
  return std::nullopt;
}

std::string Charsmap::normalize(std::string_view text) const {
  if (units_.empty()) return std::string(text);
  std::string normalized;
  for (const std::string_view cluster : grapheme_clusters(text)) {
    if (cluster.size() <= kMaxClusterBytes) {
      if (const auto replacement = shortest_prefix(cluster)) {
        normalized += *replacement;
        continue;
      }
    }
    for (const char32_t c : decode_utf8(cluster)) {
      std::string character;
      append_utf8(character, c);
      const auto replacement = shortest_prefix(character);
      normalized += replacement ? *replacement : std::string_view(character);
    }
  }
  return normalized;
}

}  // namespace ditmesh

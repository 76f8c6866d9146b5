#pragma once
// sentencepiece's precompiled normalisation rules.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// A trie (Darts double array) of byte strings and what replaces them. Applied as
/// the `tokenizers` library does it, which is not quite as sentencepiece does.
class Charsmap {
 public:
  Charsmap() = default;  // changes nothing
  /// `blob`: size of the trie in bytes, its 32-bit units, the NUL-terminated
  /// replacements. Throws ConfigError naming `where`.
  Charsmap(const std::string& blob, const std::string& where);

  /// Each grapheme cluster of at most five bytes is replaced whole if a key is a
  /// prefix of it, else each code point by itself.
  std::string normalize(std::string_view text) const;

 private:
  // What replaces the shortest key that is a prefix of `text`.
  std::optional<std::string_view> shortest_prefix(std::string_view text) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace ditmesh

#pragma once
// Tokens that are cut out of the text before the tokenizer's model sees it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

struct AddedToken {
  std::string content;
  int64_t id = 0;
  bool normalized = false;   // looked for after the text's normalisation
  bool strip_left = false;   // white space before it belongs to it
  bool strip_right = false;  // white space after it belongs to it
};

/// A stretch of text, or the id of a token that stood in it.
struct TextOrToken {
  std::string text;
  std::optional<int64_t> id;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  /// The tokens named `contents`, with ids from `vocab` and the flags that the
  /// folder's files give them: tokenizer_config.json's added_tokens_decoder, else
  /// tokenizer.json's added_tokens, else the entries of special_tokens_map.json
  /// and tokenizer_config.json. As transformers 5 loads them.
  AddedTokens(const std::filesystem::path& folder, const std::vector<std::string>& contents,
              const std::map<std::string, int64_t>& vocab);

  /// Leftmost, then longest matches of the tokens with this `normalized` flag.
  std::vector<TextOrToken> split(std::string_view text, bool normalized) const;

 private:
  std::vector<AddedToken> tokens_;  // longest first
};

}  // namespace ditmesh

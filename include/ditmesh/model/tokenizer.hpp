#pragma once
// Text to token ids, equal to transformers'.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace ditmesh {

struct TokenIds {
  std::vector<int64_t> ids;  // padded to the length asked for
  bool truncated = false;    // the text was longer
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of valid UTF-8 `text`, cut or padded to `length`, as
  /// tokenizer(text, padding="max_length", max_length=length, truncation=True).
  virtual TokenIds encode(std::string_view text, int64_t length) const = 0;
};

/// CLIP's byte-level BPE from a tokenizer folder: `tokenizer.json`, or
/// `vocab.json` and `merges.txt`. Throws ConfigError for missing or broken files.
std::unique_ptr<Tokenizer> load_clip_tokenizer(const std::filesystem::path& folder);

/// T5's Unigram from a tokenizer folder: `tokenizer.json`, or `spiece.model`.
std::unique_ptr<Tokenizer> load_t5_tokenizer(const std::filesystem::path& folder);

}  // namespace ditmesh

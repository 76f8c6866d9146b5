#pragma once
// A Unigram vocabulary as T5's files hold it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ditmesh {

struct UnigramPiece {
  std::string text;
  double score = 0;
  bool special = false;  // control or user-defined: cut out of the text first
};

struct UnigramModel {
  std::vector<UnigramPiece> pieces;  // id = place
  int64_t unknown_id = 2;
  std::string charsmap;  // precompiled normalisation rules; empty: none
};

/// `spiece.model`: the few fields of sentencepiece's ModelProto that matter here.
UnigramModel read_spiece_model(const std::filesystem::path& path);

/// `tokenizer.json` with a Unigram model.
UnigramModel read_unigram_json(const std::filesystem::path& path);

}  // namespace ditmesh

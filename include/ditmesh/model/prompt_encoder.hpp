#pragma once
// Prompts to the states that condition the transformer, each once.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "ditmesh/model/tokenizer.hpp"

namespace ditmesh {

struct PromptStates {
  at::Tensor text;    // (tokens, T5 width)
  at::Tensor pooled;  // (CLIP width)
};

/// The two text encoders with their tokenizers. A model without a folder has no
/// tokenizers: its ids are made from the text's bytes.
class PromptEncoder {
 public:
  /// `batch`: prompts per call of the encoders. Short batches are filled up with
  /// repeats, so that a prompt's states do not depend on its company.
  PromptEncoder(const FluxDescription& model, at::TensorOptions options, int64_t max_sequence_length,
                int batch, Log log);
  ~PromptEncoder();

  std::vector<PromptStates> encode(const std::vector<std::string>& prompts);
  uint64_t bytes_per_prompt() const;
  /// Prompts encoded so far.
  uint64_t num_encoded() const { return num_encoded_; }

  /// Drops the weights; the next encode reads them again.
  void release();

 private:
  struct Weights;

  std::vector<int64_t> ids(const Tokenizer* tokenizer, const std::string& prompt, int64_t length,
                           int64_t vocab_size);

  FluxDescription model_;
  at::TensorOptions options_;
  int64_t max_sequence_length_;
  int batch_;
  Log log_;
  bool truncation_told_ = false;
  uint64_t num_encoded_ = 0;
  std::unique_ptr<Tokenizer> clip_tokenizer_;
  std::unique_ptr<Tokenizer> t5_tokenizer_;
  std::unique_ptr<Weights> weights_;
};

/// The states of the prompts that come next: a window of the work is encoded at
/// a time, each unique prompt once, within a limit of bytes.
class PromptCache {
 public:
  /// With `release` the encoders' weights are dropped after each window.
  PromptCache(PromptEncoder& encoder, uint64_t limit_bytes, bool release)
      : encoder_(encoder), limit_bytes_(limit_bytes), release_(release) {}

  /// `groups`: the prompts of this batch and of those after it. Encodes what is
  /// missing for the first group and for as many more as fit; forgets the rest.
  void prepare(const std::vector<std::vector<std::string>>& groups);
  /// Encodes these too, forgetting nothing: one by one where a window cannot be encoded.
  void add(const std::vector<std::string>& prompts);
  /// Whether all of these are encoded.
  bool holds(const std::vector<std::string>& prompts) const;
  /// Throws InternalError for a prompt that was not prepared.
  const PromptStates& at(const std::string& prompt) const;

 private:
  PromptEncoder& encoder_;
  uint64_t limit_bytes_;
  bool release_;
  std::unordered_map<std::string, PromptStates> states_;
};

}  // namespace ditmesh

#pragma once
// Prompts to the states that condition the transformer, each once.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "ditmesh/model/tokenizer.hpp"
#include "ditmesh/parallel/weight_source.hpp"

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
  /// repeats, so that a prompt's states do not depend on its company. What `on_tensor` throws comes through
  /// encode(), which reads the weights when it is first called.
  PromptEncoder(const FluxDescription& model, at::TensorOptions options, int64_t max_sequence_length,
                int batch, Log log, OnTensor on_tensor = {});
  ~PromptEncoder();

  /// Reads the weights, unless they are there; encode() does so too.
  void load();
  /// Throws ConfigError for a prompt that is not valid UTF-8.
  std::vector<PromptStates> encode(const std::vector<std::string>& prompts);
  uint64_t bytes_per_prompt() const;
  int batch() const { return batch_; }
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
  OnTensor on_tensor_;
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

  /// Asked before each call of the encoders, the `step`-th of `steps`; false ends the encoding.
  using GoOn = std::function<bool(int step, int steps)>;

  /// `groups`: the prompts of this batch and of those after it. Encodes what is missing for the first group
  /// and, after it, for as many more as fit; forgets the rest. A prompt that cannot be encoded costs itself
  /// only: error_of() has it then. False if the first group was not ended.
  bool prepare(const std::vector<std::vector<std::string>>& groups, const GoOn& go_on = {});
  /// Whether nothing is left to do for these.
  bool holds(const std::vector<std::string>& prompts) const;
  /// Throws InternalError for a prompt that was not prepared.
  const PromptStates& at(const std::string& prompt) const;
  /// Why the prompt could not be encoded; empty if it could.
  std::string error_of(const std::string& prompt) const;
  /// Prompts that could not be encoded are tried again.
  void forget_errors() { errors_.clear(); }

 private:
  void encode(const std::vector<std::string>& prompts);

  PromptEncoder& encoder_;
  uint64_t limit_bytes_;
  bool release_;
  std::unordered_map<std::string, PromptStates> states_;
  std::unordered_map<std::string, std::string> errors_;  // by prompt
};

}  // namespace ditmesh

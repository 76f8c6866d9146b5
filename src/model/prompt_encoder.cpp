#include "ditmesh/model/prompt_encoder.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "ditmesh/model/checkpoint.hpp"
#include "ditmesh/model/random_weights.hpp"

namespace ditmesh {

struct PromptEncoder::Weights {
  ClipTextEncoder clip;
  T5Encoder t5;

  static std::unique_ptr<Weights> load(const FluxDescription& model, const at::TensorOptions& options,
                                       const OnTensor& on_tensor) {
    if (!model.folder) {
      RandomWeights random;
      const LayerSource source{random, options};
      return std::unique_ptr<Weights>(
          new Weights{ClipTextEncoder(model.clip, source), T5Encoder(model.t5, source)});
    }
    Checkpoint clip(*model.folder / "text_encoder", on_tensor);
    Checkpoint t5(*model.folder / "text_encoder_2", on_tensor);
    return std::unique_ptr<Weights>(new Weights{ClipTextEncoder(model.clip, LayerSource{clip, options}),
                                                T5Encoder(model.t5, LayerSource{t5, options})});
  }
};

PromptEncoder::PromptEncoder(const FluxDescription& model, at::TensorOptions options,
                             int64_t max_sequence_length, int batch, Log log, OnTensor on_tensor)
    : model_(model),
      options_(options),
      max_sequence_length_(max_sequence_length),
      batch_(batch),
      log_(std::move(log)),
      on_tensor_(std::move(on_tensor)) {
  if (model.folder) {
    clip_tokenizer_ = load_clip_tokenizer(*model.folder / "tokenizer");
    t5_tokenizer_ = load_t5_tokenizer(*model.folder / "tokenizer_2");
  }
}

PromptEncoder::~PromptEncoder() = default;

std::vector<int64_t> PromptEncoder::ids(const Tokenizer* tokenizer, const std::string& prompt, int64_t length,
                                        int64_t vocab_size) {
  if (tokenizer != nullptr) {
    TokenIds tokens = tokenizer->encode(prompt, length);
    if (tokens.truncated && !truncation_told_) {
      truncation_told_ = true;
      log_.warning(cat("a prompt was cut at ", length, " tokens (said once): '", prompt.substr(0, 60), "…'"));
    }
    return std::move(tokens.ids);
  }
  std::vector<int64_t> ids(length, 0);
  for (size_t i = 0; i < std::min(prompt.size(), ids.size()); ++i) {
    ids[i] = static_cast<unsigned char>(prompt[i]) % vocab_size;
  }
  return ids;
}

void PromptEncoder::load() {
  if (!weights_) weights_ = Weights::load(model_, options_, on_tensor_);
}

std::vector<PromptStates> PromptEncoder::encode(const std::vector<std::string>& prompts) {
  for (const std::string& prompt : prompts) {
    if (find_invalid_utf8(prompt))
      throw ConfigError("the prompt is not valid UTF-8", "save the manifest as UTF-8");
  }
  load();
  std::vector<PromptStates> states;
  for (size_t begin = 0; begin < prompts.size(); begin += static_cast<size_t>(batch_)) {
    std::vector<int64_t> clip_ids;
    std::vector<int64_t> t5_ids;
    for (size_t i = begin; i < begin + static_cast<size_t>(batch_); ++i) {
      const std::string& prompt = prompts[std::min(i, prompts.size() - 1)];
      const auto clip = ids(clip_tokenizer_.get(), prompt, model_.clip.max_tokens, model_.clip.vocab_size);
      const auto t5 = ids(t5_tokenizer_.get(), prompt, max_sequence_length_, model_.t5.vocab_size);
      clip_ids.insert(clip_ids.end(), clip.begin(), clip.end());
      t5_ids.insert(t5_ids.end(), t5.begin(), t5.end());
    }
    const auto on_device = [&](const std::vector<int64_t>& all) {
      return at::tensor(all, at::kLong).view({batch_, -1}).to(options_.device());
    };
    const at::Tensor pooled = weights_->clip.pooled(on_device(clip_ids)).to(options_);
    const at::Tensor text = weights_->t5(on_device(t5_ids)).to(options_);
    const size_t count = std::min(static_cast<size_t>(batch_), prompts.size() - begin);
    for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
      states.push_back({text.select(1, i).clone(), pooled[i].clone()});
    }
  }
  num_encoded_ += prompts.size();
  return states;
}

uint64_t PromptEncoder::bytes_per_prompt() const {
  return static_cast<uint64_t>(max_sequence_length_ * model_.t5.width + model_.clip.width) *
         options_.dtype().itemsize();
}

void PromptEncoder::release() { weights_.reset(); }

bool PromptCache::prepare(const std::vector<std::vector<std::string>>& groups, const GoOn& go_on) {
  if (holds(groups.front())) return true;

  const size_t room = std::max<size_t>(1, limit_bytes_ / encoder_.bytes_per_prompt());
  std::unordered_set<std::string> window;
  std::vector<std::string> in_order;  // the batch at hand first
  for (const auto& group : groups) {
    std::unordered_set<std::string_view> fresh;
    for (const std::string& prompt : group) {
      if (!window.contains(prompt)) fresh.insert(prompt);
    }
    // The batch at hand is needed whatever its size.
    if (window.size() + fresh.size() > room && !window.empty()) break;
    for (const std::string& prompt : group) {
      if (window.insert(prompt).second) in_order.push_back(prompt);
    }
  }
  const auto is_forgotten = [&](const auto& entry) { return !window.contains(entry.first); };
  std::erase_if(states_, is_forgotten);
  std::erase_if(errors_, is_forgotten);
  std::erase_if(in_order, [&](const std::string& prompt) { return holds({prompt}); });

  encoder_.load();  // here, where an error is the model's and not a prompt's
  const auto at_once = static_cast<size_t>(encoder_.batch());
  const auto steps = static_cast<int>((in_order.size() + at_once - 1) / at_once);
  for (int step = 0; step < steps; ++step) {
    if (go_on && !go_on(step + 1, steps)) break;
    const auto begin = in_order.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(step) * at_once);
    const auto left = static_cast<size_t>(in_order.end() - begin);
    encode({begin, begin + static_cast<std::ptrdiff_t>(std::min(at_once, left))});
  }
  if (release_) encoder_.release();
  return holds(groups.front());
}

void PromptCache::encode(const std::vector<std::string>& prompts) {
  try {
    std::vector<PromptStates> encoded = encoder_.encode(prompts);
    for (size_t i = 0; i < prompts.size(); ++i) states_.emplace(prompts[i], std::move(encoded[i]));
  } catch (const ConfigError& error) {
    if (prompts.size() == 1) {
      errors_.emplace(prompts.front(), error.what());
      return;
    }
    // One of them is bad: which?
    for (const std::string& prompt : prompts) encode({prompt});
  }
}

bool PromptCache::holds(const std::vector<std::string>& prompts) const {
  return std::all_of(prompts.begin(), prompts.end(), [&](const std::string& prompt) {
    return states_.contains(prompt) || errors_.contains(prompt);
  });
}

std::string PromptCache::error_of(const std::string& prompt) const {
  const auto found = errors_.find(prompt);
  return found == errors_.end() ? std::string() : found->second;
}

const PromptStates& PromptCache::at(const std::string& prompt) const {
  const auto found = states_.find(prompt);
  if (found == states_.end()) throw InternalError(cat("the prompt '", prompt, "' was not encoded ahead"));
  return found->second;
}

}  // namespace ditmesh

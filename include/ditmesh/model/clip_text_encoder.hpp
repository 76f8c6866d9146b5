#pragma once
// The CLIP text encoder, for its pooled state.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/parallel/linear.hpp"

namespace ditmesh {

/// text_encoder/config.json.
struct ClipConfig {
  int64_t vocab_size = 49408;
  int64_t width = 768;
  int64_t mlp_width = 3072;
  int64_t num_layers = 12;
  int64_t num_heads = 12;
  int64_t max_tokens = 77;
  int64_t eos_token = 2;
  double eps = 1e-5;
  bool quick_gelu = true;

  static ClipConfig from_json(const JsonObject& config);
};

/// Equals transformers' CLIPTextModel(...).pooler_output.
class ClipTextEncoder {
 public:
  ClipTextEncoder(const ClipConfig& config, const LayerSource& source);

  /// ids: (B, tokens) int64; returns (B, width).
  at::Tensor pooled(const at::Tensor& ids) const;

 private:
  struct Layer {
    at::Tensor norm1_weight, norm1_bias, norm2_weight, norm2_bias;
    Linear qkv, out, mlp_in, mlp_out;
  };

  ClipConfig config_;
  at::Tensor token_embedding_;
  at::Tensor position_embedding_;
  std::vector<Layer> layers_;
  at::Tensor norm_weight_, norm_bias_;
};

}  // namespace ditmesh

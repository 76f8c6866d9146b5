#pragma once
// The T5 encoder (v1.1: gated GELU, relative position bias).

#include <ATen/core/Tensor.h>

#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/parallel/linear.hpp"

namespace ditmesh {

/// text_encoder_2/config.json.
struct T5Config {
  int64_t vocab_size = 32128;
  int64_t width = 4096;
  int64_t head_dim = 64;
  int64_t num_heads = 64;
  int64_t mlp_width = 10240;
  int64_t num_layers = 24;
  int64_t num_buckets = 32;
  int64_t max_distance = 128;
  double eps = 1e-6;
  bool gated = true;

  static T5Config from_json(const JsonObject& config);
};

/// Equals transformers' T5EncoderModel(ids)[0] without a mask: as in diffusers'
/// FluxPipeline, padding is attended to.
class T5Encoder {
 public:
  T5Encoder(const T5Config& config, const LayerSource& source);

  /// ids: (B, tokens) int64; returns (tokens, B, width). Over a tensor group
  /// every rank gets all tokens.
  at::Tensor operator()(const at::Tensor& ids) const;

 private:
  struct Layer {
    at::Tensor norm1, norm2;
    Linear qkv, out, mlp_in, mlp_out;
  };

  at::Tensor position_bias(int64_t tokens) const;

  T5Config config_;
  at::ScalarType dtype_;
  Communicator* tensor_;
  int tensor_size_;
  int tensor_rank_;
  at::Tensor embedding_;
  at::Tensor bias_;  // (buckets, heads)
  std::vector<Layer> layers_;
  at::Tensor norm_;
};

}  // namespace ditmesh

#include "ditmesh/model/t5_encoder.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/log.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/norm.hpp"

namespace ditmesh {

namespace {

// In fp16 the stream is kept finite, as transformers does it after each half layer.
at::Tensor finite(const at::Tensor& x) {
  if (x.scalar_type() != at::kHalf) return x;
  constexpr double kMax = 65504;
  const double limit = x.isinf().any().item<bool>() ? kMax - 1000 : kMax;
  return x.clamp(-limit, limit);
}

}  // namespace

T5Config T5Config::from_json(const JsonObject& config) {
  T5Config t5;
  t5.vocab_size = config.dimension("vocab_size");
  t5.width = config.dimension("d_model");
  t5.head_dim = config.dimension("d_kv");
  t5.num_heads = config.dimension("num_heads");
  t5.mlp_width = config.dimension("d_ff");
  t5.num_layers = config.dimension("num_layers");
  t5.num_buckets = config.dimension_or("relative_attention_num_buckets", t5.num_buckets);
  t5.max_distance = config.dimension_or("relative_attention_max_distance", t5.max_distance);
  t5.eps = config.get_or<double>("layer_norm_epsilon", t5.eps);
  const auto projection = config.get_or<std::string>("feed_forward_proj", "relu");
  if (projection != "gated-gelu" && projection != "relu") {
    throw ConfigError(
        cat(config.name(), ": feed_forward_proj must be gated-gelu or relu, found ", projection));
  }
  t5.gated = projection == "gated-gelu";
  return t5;
}

T5Encoder::T5Encoder(const T5Config& config, const LayerSource& source)
    : config_(config),
      dtype_(c10::typeMetaToScalarType(source.options.dtype())),
      tensor_(source.tensor),
      tensor_size_(source.tensor_size()),
      tensor_rank_(source.tensor_rank()) {
  const int64_t width = config.width;
  const Dealt heads{config.num_heads * config.head_dim, config.head_dim};
  const Dealt mlp{config.mlp_width};
  // transformers keeps this one projection in fp32 when the model is fp16: it overflows otherwise.
  LayerSource wide = source;
  if (dtype_ == at::kHalf) wide.options = source.options.dtype(at::kFloat);

  embedding_ =
      source.whole(source.weights.has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight",
                   {config.vocab_size, width});
  const at::Tensor bias = source.whole("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                                       {config.num_buckets, config.num_heads});
  const Range own = part_of(config.num_heads, tensor_size_, tensor_rank_);
  bias_ = bias.narrow(1, own.begin, own.size());
  for (int64_t index = 0; index < config.num_layers; ++index) {
    const std::string attention = cat("encoder.block.", index, ".layer.0.");
    const std::string mlp_name = cat("encoder.block.", index, ".layer.1.");
    const std::string self = attention + "SelfAttention.";
    const std::string dense = mlp_name + "DenseReluDense.";
    std::vector<LinearPart> mlp_in = {{dense + (config.gated ? "wi_0" : "wi"), mlp}};
    if (config.gated) mlp_in.push_back({dense + "wi_1", mlp});
    layers_.push_back(
        {source.whole(attention + "layer_norm.weight", {width}),
         source.whole(mlp_name + "layer_norm.weight", {width}),
         Linear::cut_by_outputs(source, {{self + "q", heads}, {self + "k", heads}, {self + "v", heads}},
                                width, /*bias=*/false),
         Linear::cut_by_inputs(source, self + "o", width, {heads}, /*bias=*/false),
         Linear::cut_by_outputs(source, mlp_in, width, /*bias=*/false),
         Linear::cut_by_inputs(wide, dense + "wo", width, {mlp}, /*bias=*/false)});
  }
  norm_ = source.whole("encoder.final_layer_norm.weight", {width});
}

// (1, heads, tokens, tokens). Source: T5 (arXiv 1910.10683), bidirectional buckets:
// half of them for each direction, the first half of these exact, the others logarithmic.
at::Tensor T5Encoder::position_bias(int64_t tokens) const {
  const auto options = at::TensorOptions(at::kLong).device(bias_.device());
  const at::Tensor positions = at::arange(tokens, options);
  const at::Tensor distance = positions.unsqueeze(0) - positions.unsqueeze(1);
  const int64_t half = config_.num_buckets / 2;
  const int64_t exact = half / 2;
  const at::Tensor magnitude = distance.abs();
  const double log_range = std::log(static_cast<double>(config_.max_distance) / static_cast<double>(exact));
  const at::Tensor far = (at::log(magnitude.to(at::kFloat) / static_cast<double>(exact)) / log_range *
                          static_cast<double>(half - exact))
                             .to(at::kLong)
                             .add(exact)
                             .clamp_max(half - 1);
  const at::Tensor bucket =
      distance.gt(0).to(at::kLong) * half + at::where(magnitude.lt(exact), magnitude, far);
  return at::embedding(bias_, bucket).permute({2, 0, 1}).unsqueeze(0).contiguous();
}

at::Tensor T5Encoder::operator()(const at::Tensor& ids) const {
  const int64_t tokens = ids.size(1);
  const TokenLayout layout = TokenLayout::sharded(tokens, 0, 1, 0, tensor_size_, tensor_rank_);
  const at::Tensor bias = position_bias(tokens);
  const Range held = layout.text_held;
  at::Tensor x = at::embedding(embedding_, ids.t().narrow(0, held.begin, held.size()));
  for (const Layer& layer : layers_) {
    const at::Tensor qkv = layer.qkv(t5_rms_norm(x, layer.norm1, config_.eps), layout.text);
    const int64_t heads = layer.qkv.part_rows()[0] / config_.head_dim;
    // (tokens, B, 3·heads·D) → three of (B, heads, tokens, D).
    const at::Tensor split = qkv.unflatten(-1, {3, heads, config_.head_dim}).permute({2, 1, 3, 0, 4});
    const at::Tensor attended = at::scaled_dot_product_attention(split[0], split[1], split[2], bias, 0.0,
                                                                 /*is_causal=*/false, /*scale=*/1.0);
    x = finite(x + layer.out(attended.permute({2, 0, 1, 3}).flatten(2), layout.text));

    const at::Tensor in = layer.mlp_in(t5_rms_norm(x, layer.norm2, config_.eps), layout.text);
    const int64_t width = layer.mlp_in.part_rows()[0];
    at::Tensor hidden = config_.gated
                            ? at::gelu(in.narrow(-1, 0, width), "tanh").mul_(in.narrow(-1, width, width))
                            : at::relu(in);
    if (dtype_ == at::kHalf) hidden = hidden.to(at::kFloat);
    x = finite(x + layer.mlp_out(hidden, layout.text));
  }
  x = t5_rms_norm(x, norm_, config_.eps);
  if (tensor_size_ == 1) return x;
  at::Tensor all = at::empty({tokens, x.size(1), x.size(2)}, x.options());
  tensor_->all_gather(all, x.contiguous(), layout.text.counts).wait();
  return all;
}

}  // namespace ditmesh

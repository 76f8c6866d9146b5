#include "ditmesh/model/clip_text_encoder.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sigmoid.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

ClipConfig ClipConfig::from_json(const JsonObject& config) {
  ClipConfig clip;
  clip.vocab_size = config.dimension("vocab_size");
  clip.width = config.dimension("hidden_size");
  clip.mlp_width = config.dimension("intermediate_size");
  clip.num_layers = config.dimension("num_hidden_layers");
  clip.num_heads = config.dimension("num_attention_heads");
  clip.max_tokens = config.dimension_or("max_position_embeddings", clip.max_tokens);
  clip.eos_token = config.get_or<int64_t>("eos_token_id", clip.eos_token);
  clip.eps = config.get_or<double>("layer_norm_eps", clip.eps);
  const auto activation = config.get_or<std::string>("hidden_act", "quick_gelu");
  if (activation != "quick_gelu" && activation != "gelu") {
    throw ConfigError(cat(config.name(), ": hidden_act must be quick_gelu or gelu, found ", activation));
  }
  clip.quick_gelu = activation == "quick_gelu";
  if (clip.width % clip.num_heads != 0) {
    throw ConfigError(cat(config.name(), ": hidden_size ", clip.width,
                          " must be a multiple of num_attention_heads ", clip.num_heads));
  }
  return clip;
}

ClipTextEncoder::ClipTextEncoder(const ClipConfig& config, const LayerSource& source) : config_(config) {
  // transformers up to 4 saves the model inside a wrapper, 5 without it.
  const std::string root =
      source.weights.has("text_model.embeddings.token_embedding.weight") ? "text_model." : "";
  const int64_t width = config.width;
  token_embedding_ = source.whole(root + "embeddings.token_embedding.weight", {config.vocab_size, width});
  position_embedding_ =
      source.whole(root + "embeddings.position_embedding.weight", {config.max_tokens, width});
  for (int64_t index = 0; index < config.num_layers; ++index) {
    const std::string name = cat(root, "encoder.layers.", index, ".");
    const std::string attn = name + "self_attn.";
    layers_.push_back(
        {source.whole(name + "layer_norm1.weight", {width}), source.whole(name + "layer_norm1.bias", {width}),
         source.whole(name + "layer_norm2.weight", {width}), source.whole(name + "layer_norm2.bias", {width}),
         Linear::uncut(source, {attn + "q_proj", attn + "k_proj", attn + "v_proj"}, width, width),
         Linear::uncut(source, {attn + "out_proj"}, width, width),
         Linear::uncut(source, {name + "mlp.fc1"}, config.mlp_width, width),
         Linear::uncut(source, {name + "mlp.fc2"}, width, config.mlp_width)});
  }
  norm_weight_ = source.whole(root + "final_layer_norm.weight", {width});
  norm_bias_ = source.whole(root + "final_layer_norm.bias", {width});
}

at::Tensor ClipTextEncoder::pooled(const at::Tensor& ids) const {
  const int64_t tokens = ids.size(1);
  const auto norm = [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return at::layer_norm(x, {config_.width}, weight, bias, config_.eps);
  };
  at::Tensor x = at::embedding(token_embedding_, ids) + position_embedding_.narrow(0, 0, tokens);
  for (const Layer& layer : layers_) {
    // (B, tokens, 3·width) → three of (B, heads, tokens, head width).
    const at::Tensor qkv = layer.qkv(norm(x, layer.norm1_weight, layer.norm1_bias))
                               .unflatten(-1, {3, config_.num_heads, -1})
                               .permute({2, 0, 3, 1, 4});
    const at::Tensor attended =
        at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, 0.0, /*is_causal=*/true);
    x = x + layer.out(attended.transpose(1, 2).flatten(2));
    const at::Tensor hidden = layer.mlp_in(norm(x, layer.norm2_weight, layer.norm2_bias));
    x = x + layer.mlp_out(config_.quick_gelu ? hidden * at::sigmoid(hidden * 1.702) : at::gelu(hidden));
  }
  x = norm(x, norm_weight_, norm_bias_);
  // Old configs say eos 2, which is not the tokenizer's: there the largest id marks the end.
  const at::Tensor ends =
      config_.eos_token == 2 ? ids.argmax(-1) : ids.eq(config_.eos_token).to(at::kInt).argmax(-1);
  const at::Tensor index = ends.view({-1, 1, 1}).expand({-1, 1, config_.width});
  return x.gather(1, index).squeeze(1);
}

}  // namespace ditmesh

#include "ditmesh/model/vae_decoder.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr double kEps = 1e-6;

// On the CPU convolutions are a tenth faster with the channels innermost, on a GPU slower.
at::MemoryFormat memory_format(const at::Tensor& x) {
  return x.is_cpu() ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

}  // namespace

VaeConfig VaeConfig::from_json(const JsonObject& config) {
  const auto class_name = config.get<std::string>("_class_name");
  if (class_name != "AutoencoderKL") {
    throw ConfigError(cat(config.name(), ": class ", class_name, " is unknown"),
                      "ditmesh decodes with AutoencoderKL");
  }
  VaeConfig vae;
  vae.latent_channels = config.dimension("latent_channels");
  vae.out_channels = config.dimension_or("out_channels", vae.out_channels);
  vae.channels = config.get<std::vector<int64_t>>("block_out_channels");
  vae.layers_per_block = config.dimension("layers_per_block");
  vae.num_groups = config.dimension_or("norm_num_groups", vae.num_groups);
  vae.scaling_factor = config.get_or<double>("scaling_factor", 0.18215);
  vae.shift_factor = config.get_or<double>("shift_factor", 0.0);
  vae.post_quant_conv = config.get_or<bool>("use_post_quant_conv", true);
  vae.middle_attention = config.get_or<bool>("mid_block_add_attention", true);
  if (vae.out_channels != 3) {
    throw ConfigError(
        cat(config.name(), ": out_channels must be 3 (red, green, blue), found ", vae.out_channels));
  }
  if (vae.channels.empty() || vae.scaling_factor == 0) {
    throw ConfigError(cat(
        config.name(), ": block_out_channels must name at least one width, and scaling_factor may not be 0"));
  }
  for (const int64_t width : vae.channels) {
    if (width < 1 || width % vae.num_groups != 0) {
      throw ConfigError(cat(config.name(), ": block_out_channels must be multiples of norm_num_groups ",
                            vae.num_groups, ", found ", width));
    }
  }
  const auto blocks = config.get<std::vector<std::string>>("up_block_types");
  if (blocks != std::vector<std::string>(vae.channels.size(), "UpDecoderBlock2D")) {
    throw ConfigError(cat(config.name(), ": up_block_types must be ", vae.channels.size(),
                          " times UpDecoderBlock2D, found ", join(blocks, ", ")));
  }
  if (config.get_or<std::string>("act_fn", "silu") != "silu") {
    throw ConfigError(cat(config.name(), ": act_fn must be silu, found ", config.get<std::string>("act_fn")));
  }
  return vae;
}

at::Tensor VaeDecoder::Convolution::operator()(const at::Tensor& x) const {
  const int64_t padding = weight.size(-1) / 2;
  return at::conv2d(x, weight, bias, {1, 1}, {padding, padding});
}

at::Tensor VaeDecoder::GroupNorm::operator()(const at::Tensor& x) const {
  return at::group_norm(x, groups, weight, bias, kEps);
}

at::Tensor VaeDecoder::Residual::operator()(const at::Tensor& x) const {
  const at::Tensor hidden = conv2(at::silu(norm2(conv1(at::silu(norm1(x))))));
  return (shortcut ? (*shortcut)(x) : x) + hidden;
}

// One head over all pixels.
at::Tensor VaeDecoder::PixelAttention::operator()(const at::Tensor& x) const {
  // (B, C, h, w) → (B, pixels, C).
  const at::Tensor pixels = norm(x).flatten(2).transpose(1, 2);
  const at::Tensor projected = qkv(pixels).unflatten(-1, {3, 1, -1}).permute({2, 0, 3, 1, 4});
  const at::Tensor attended =
      at::scaled_dot_product_attention(projected[0], projected[1], projected[2]).squeeze(1);
  return x + out(attended).transpose(1, 2).reshape(x.sizes());
}

VaeDecoder::Convolution VaeDecoder::convolution(const LayerSource& source, const std::string& name,
                                                int64_t in, int64_t out, int64_t kernel) const {
  const at::Tensor weight = source.whole(name + ".weight", {out, in, kernel, kernel});
  return {weight.contiguous(memory_format(weight)), source.whole(name + ".bias", {out})};
}

VaeDecoder::GroupNorm VaeDecoder::group_norm(const LayerSource& source, const std::string& name,
                                             int64_t channels) const {
  return {source.whole(name + ".weight", {channels}), source.whole(name + ".bias", {channels}),
          config_.num_groups};
}

VaeDecoder::Residual VaeDecoder::residual(const LayerSource& source, const std::string& name, int64_t in,
                                          int64_t out) const {
  Residual block{group_norm(source, name + ".norm1", in),
                 group_norm(source, name + ".norm2", out),
                 convolution(source, name + ".conv1", in, out, 3),
                 convolution(source, name + ".conv2", out, out, 3),
                 {}};
  if (in != out) block.shortcut = convolution(source, name + ".conv_shortcut", in, out, 1);
  return block;
}

VaeDecoder::VaeDecoder(const VaeConfig& config, const LayerSource& source) : config_(config) {
  const int64_t innermost = config.channels.back();
  if (config.post_quant_conv) {
    post_quant_ = convolution(source, "post_quant_conv", config.latent_channels, config.latent_channels, 1);
  }
  in_ = convolution(source, "decoder.conv_in", config.latent_channels, innermost, 3);
  middle_.push_back(residual(source, "decoder.mid_block.resnets.0", innermost, innermost));
  middle_.push_back(residual(source, "decoder.mid_block.resnets.1", innermost, innermost));
  if (config.middle_attention) {
    const std::string name = "decoder.mid_block.attentions.0.";
    attention_ = PixelAttention{
        group_norm(source, name + "group_norm", innermost),
        Linear::uncut(source, {name + "to_q", name + "to_k", name + "to_v"}, innermost, innermost),
        Linear::uncut(source, {name + "to_out.0"}, innermost, innermost)};
  }
  int64_t in = innermost;
  for (size_t index = 0; index < config.channels.size(); ++index) {
    const int64_t out = config.channels[config.channels.size() - 1 - index];
    const std::string name = cat("decoder.up_blocks.", index, ".");
    UpBlock block;
    for (int64_t layer = 0; layer <= config.layers_per_block; ++layer) {
      block.residuals.push_back(residual(source, cat(name, "resnets.", layer), layer == 0 ? in : out, out));
    }
    if (index + 1 < config.channels.size())
      block.upsample = convolution(source, name + "upsamplers.0.conv", out, out, 3);
    up_.push_back(std::move(block));
    in = out;
  }
  norm_out_ = group_norm(source, "decoder.conv_norm_out", in);
  out_ = convolution(source, "decoder.conv_out", in, config.out_channels, 3);
}

VaeDecoder::~VaeDecoder() = default;

at::Tensor VaeDecoder::operator()(const at::Tensor& latents) const {
  at::Tensor x = (latents / config_.scaling_factor + config_.shift_factor).contiguous(memory_format(latents));
  if (post_quant_) x = (*post_quant_)(x);
  x = middle_[0](in_(x));
  if (attention_) x = (*attention_)(x);
  x = middle_[1](x);
  for (const UpBlock& block : up_) {
    for (const Residual& residual : block.residuals) x = residual(x);
    if (block.upsample) {
      x = (*block.upsample)(at::upsample_nearest2d(x, std::vector<int64_t>{2 * x.size(2), 2 * x.size(3)}));
    }
  }
  return out_(at::silu(norm_out_(x)));
}

}  // namespace ditmesh

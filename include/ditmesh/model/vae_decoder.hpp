#pragma once
// The decoder of the variational autoencoder: latents to pictures.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/parallel/linear.hpp"

namespace ditmesh {

/// vae/config.json.
struct VaeConfig {
  int64_t latent_channels = 16;
  int64_t out_channels = 3;
  std::vector<int64_t> channels = {128, 256, 512, 512};  // from the picture's side inwards
  int64_t layers_per_block = 2;
  int64_t num_groups = 32;
  double scaling_factor = 0.3611;
  double shift_factor = 0.1159;
  bool post_quant_conv = false;
  bool middle_attention = true;

  /// Pixels per latent, in each direction.
  int64_t scale() const { return int64_t{1} << (channels.size() - 1); }

  static VaeConfig from_json(const JsonObject& config);
};

/// Equals the decoder of diffusers' AutoencoderKL.
class VaeDecoder {
 public:
  VaeDecoder(const VaeConfig& config, const LayerSource& source);
  ~VaeDecoder();

  /// latents: (B, latent channels, h, w) as the transformer leaves them;
  /// returns (B, 3, h · scale, w · scale), about −1 … 1.
  at::Tensor operator()(const at::Tensor& latents) const;

 private:
  struct Convolution {
    at::Tensor weight, bias;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct GroupNorm {
    at::Tensor weight, bias;
    int64_t groups = 1;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct Residual {
    GroupNorm norm1, norm2;
    Convolution conv1, conv2;
    std::optional<Convolution> shortcut;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct PixelAttention {
    GroupNorm norm;
    Linear qkv, out;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct UpBlock {
    std::vector<Residual> residuals;
    std::optional<Convolution> upsample;
  };

  Convolution convolution(const LayerSource& source, const std::string& name, int64_t in, int64_t out,
                          int64_t kernel) const;
  GroupNorm group_norm(const LayerSource& source, const std::string& name, int64_t channels) const;
  Residual residual(const LayerSource& source, const std::string& name, int64_t in, int64_t out) const;

  VaeConfig config_;
  std::optional<Convolution> post_quant_;
  Convolution in_;
  std::vector<Residual> middle_;
  std::optional<PixelAttention> attention_;
  std::vector<UpBlock> up_;
  GroupNorm norm_out_;
  Convolution out_;
};

}  // namespace ditmesh

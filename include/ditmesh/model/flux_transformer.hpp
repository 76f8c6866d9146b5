#pragma once
// The MMDiT of FLUX.1 (dev and schnell).

#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/parallel/diffusion_transformer.hpp"
#include "ditmesh/parallel/linear.hpp"

namespace ditmesh {

/// transformer/config.json.
struct FluxConfig {
  int64_t in_channels = 64;
  int64_t out_channels = 64;
  int64_t num_double_blocks = 19;
  int64_t num_single_blocks = 38;
  int64_t head_dim = 128;
  int64_t num_heads = 24;
  int64_t text_width = 4096;
  int64_t pooled_width = 768;
  bool guidance = true;
  std::vector<int64_t> rotary_axes = {16, 56, 56};

  int64_t width() const { return num_heads * head_dim; }
  int64_t mlp_width() const { return 4 * width(); }
  int64_t num_blocks() const { return num_double_blocks + num_single_blocks; }

  /// Throws ConfigError for another class, missing fields and sizes that do not fit together.
  static FluxConfig from_json(const JsonObject& config);
};

/// Equals diffusers' FluxTransformer2DModel. Blocks 0 … num_double_blocks − 1
/// are double-stream, the others single-stream.
class FluxTransformer final : public DiffusionTransformer {
 public:
  /// Reads only the weights of `blocks` (and of embedding and head).
  FluxTransformer(const FluxConfig& config, const LayerSource& source, Range blocks);
  ~FluxTransformer() override;

  int num_blocks() const override { return static_cast<int>(config_.num_blocks()); }
  Range blocks() const override { return blocks_; }
  int64_t width() const override { return config_.width(); }
  Conditioning prepare(const Conditions& conditions, const std::vector<float>& timesteps) override;
  at::Tensor embed(const at::Tensor& latents, const Conditioning& conditioning, int step,
                   const TokenLayout& layout) override;
  void block(int index, at::Tensor& rows, const Conditioning& conditioning, int step,
             const TokenLayout& layout, Attention& attention) override;
  at::Tensor head(const at::Tensor& rows, const Conditioning& conditioning, int step,
                  const TokenLayout& layout) override;

 private:
  struct DoubleBlock;
  struct SingleBlock;
  /// An embedding of a vector: linear, SiLU, linear.
  struct Embedder {
    Linear first;
    Linear second;
    at::Tensor operator()(const at::Tensor& x) const;
  };

  Embedder embedder(const LayerSource& source, const std::string& name, int64_t input_width) const;
  at::Tensor time_embedding(const Conditions& conditions, const std::vector<float>& timesteps) const;
  Rotary rotary(const Conditions& conditions) const;

  FluxConfig config_;
  Range blocks_;
  at::TensorOptions options_;
  Linear image_embedder_;
  Linear text_embedder_;
  Embedder time_;
  std::optional<Embedder> guidance_;
  Embedder pooled_;
  std::vector<std::unique_ptr<DoubleBlock>> double_blocks_;  // of all blocks; null: not on this rank
  std::vector<std::unique_ptr<SingleBlock>> single_blocks_;
  Linear head_modulation_;
  Linear head_;
};

}  // namespace ditmesh

#pragma once
// What a planner must know of a model: sizes, no weights.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ditmesh {

/// Transformer blocks. Joint blocks have weights of their own for text and image tokens (MMDiT, "double"),
/// single ones the same for both.
enum class BlockKind { joint, single };

/// A text encoder: `rows` tokens of a prompt through `num_layers` layers.
struct EncoderShape {
  std::string name{};
  int64_t tokens = 0;
  int64_t num_layers = 0;
  int64_t width = 0;
  int64_t attention_width = 0;  // heads × head size
  int64_t mlp_width = 0;
  bool gated = false;  // two matrices lead into the MLP
  int64_t vocabulary = 0;
  bool takes_prompt_length = false;  // its tokens are as many as --max-sequence-length says

  int64_t layer_parameters() const;
  int64_t parameters() const { return num_layers * layer_parameters() + vocabulary * width; }
  bool operator==(const EncoderShape&) const = default;
};

/// The decoder of the autoencoder (diffusers' AutoencoderKL).
struct DecoderShape {
  int64_t latent_channels = 16;
  std::vector<int64_t> channels = {128, 256, 512, 512};  // from the picture's side inwards
  int64_t residuals_per_block = 3;

  int64_t scale() const { return int64_t{1} << (channels.size() - 1); }
  int64_t parameters() const;
  /// Floating-point operations of one picture, convolutions and the attention in the middle.
  double flops(int64_t height, int64_t width) const;
  /// Numbers that its convolutions put out for one picture; and the most of one of them.
  double activations(int64_t height, int64_t width) const;
  double largest_activation(int64_t height, int64_t width) const;
  bool operator==(const DecoderShape&) const = default;
};

/// A UNet is not made of numbered token blocks: it is known by what it costs in all.
struct UnetShape {
  int64_t parameters = 0;
  double linear_flops_per_latent = 0;      // convolutions and projections
  double attention_flops_per_latent2 = 0;  // grows with the square of the latents
  double moved_bytes_per_latent = 0;       // in 16 bits

  bool operator==(const UnetShape&) const = default;
};

struct ModelShape {
  std::string name{};

  // The transformer.
  int64_t width = 0;  // C: heads × head size
  int64_t num_heads = 0;
  int64_t mlp_width = 0;
  int num_joint_blocks = 0;  // the first ones
  int num_single_blocks = 0;
  int64_t in_channels = 64;  // of a token
  int64_t text_width = 4096;
  int64_t text_tokens = 512;
  bool has_guidance_embedding = false;  // distilled: no second branch is needed
  std::optional<UnetShape> unet{};      // instead of the transformer

  std::vector<EncoderShape> encoders{};
  DecoderShape decoder{};
  int64_t pixels_per_token = 16;  // in each direction
  int default_steps = 28;

  int num_blocks() const { return num_joint_blocks + num_single_blocks; }
  BlockKind kind_of(int block) const {
    return block < num_joint_blocks ? BlockKind::joint : BlockKind::single;
  }
  int64_t head_dim() const { return width / num_heads; }
  int64_t image_tokens(int64_t height, int64_t width_pixels) const {
    return (height / pixels_per_token) * (width_pixels / pixels_per_token);
  }
  /// The same with prompts of so many tokens for the encoders that take them.
  ModelShape with_prompt_length(int64_t tokens) const;
  /// Weights that a tensor group cuts, and those that each of its ranks keeps whole (modulations, norms).
  int64_t cut_parameters(BlockKind kind) const;
  int64_t whole_parameters(BlockKind kind) const;
  /// Embeddings and head.
  int64_t other_parameters() const;
  int64_t transformer_parameters() const;
  int64_t encoder_parameters() const;

  bool operator==(const ModelShape&) const = default;
};

/// A model that is known by name; throws ConfigError with the nearest name.
ModelShape find_model_shape(const std::string& name);
std::vector<std::string> model_shape_names();

}  // namespace ditmesh

#include "ditmesh/mesh/model_shape.hpp"

#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kTimeWidth = 256;    // of the sinusoids that a timestep becomes
constexpr int64_t kPooledWidth = 768;  // of CLIP's prompt

EncoderShape clip_l(int64_t tokens = 77) {
  return {"CLIP-L", tokens, 12, 768, 768, 3072, false, 49408, false};
}
EncoderShape clip_big_g() { return {"CLIP-bigG", 77, 32, 1280, 1280, 5120, false, 49408, false}; }
EncoderShape t5_xxl(int64_t tokens) { return {"T5-XXL", tokens, 24, 4096, 4096, 10240, true, 32128, true}; }

ModelShape flux(const std::string& name, int64_t text_tokens, bool guidance, int steps) {
  ModelShape model;
  model.name = name;
  model.width = 3072;
  model.num_heads = 24;
  model.mlp_width = 4 * model.width;
  model.num_joint_blocks = 19;
  model.num_single_blocks = 38;
  model.text_tokens = text_tokens;
  model.has_guidance_embedding = guidance;
  model.encoders = {clip_l(), t5_xxl(text_tokens)};
  model.default_steps = steps;
  return model;
}

// Sizes of the published configurations (transformer/config.json of each).
ModelShape stable_diffusion_3(const std::string& name, int64_t heads, int blocks) {
  ModelShape model;
  model.name = name;
  model.num_heads = heads;
  model.width = heads * 64;
  model.mlp_width = 4 * model.width;
  model.num_joint_blocks = blocks;
  model.text_tokens = 77 + 256;
  model.encoders = {clip_l(), clip_big_g(), t5_xxl(256)};
  return model;
}

// Parameters and operations of one pass as published for the UNets: 0.80 TFLOP for SD 1.5 at 512² (4,096
// latents), 5.98 TFLOP for SDXL at 1024² (16,384 latents).
ModelShape unet(const std::string& name, const UnetShape& shape, std::vector<EncoderShape> encoders) {
  ModelShape model;
  model.name = name;
  model.unet = shape;
  model.text_tokens = 77;
  model.encoders = std::move(encoders);
  model.decoder.latent_channels = 4;
  model.in_channels = 4;
  model.pixels_per_token = 8;
  model.default_steps = 50;
  return model;
}

const std::vector<ModelShape>& known_models() {
  static const std::vector<ModelShape> kModels = {
      flux("flux.1-dev", 512, true, 28),
      flux("flux.1-schnell", 256, false, 4),
      stable_diffusion_3("sd3-medium", 24, 24),
      stable_diffusion_3("sd3.5-large", 38, 38),
      unet("sdxl", {2'567'463'684, 3.3e8, 2.1e3, 1.6e6}, {clip_l(), clip_big_g()}),
      unet("sd-1.5", {859'520'964, 1.6e8, 8.0e3, 1.5e6}, {clip_l()}),
  };
  return kModels;
}

}  // namespace

int64_t EncoderShape::layer_parameters() const {
  return 4 * width * attention_width + (gated ? 3 : 2) * width * mlp_width;
}

int64_t DecoderShape::parameters() const {
  const auto residual = [](int64_t in, int64_t out) {
    return 9 * (in * out + out * out) + (in == out ? 0 : in * out);
  };
  const int64_t innermost = channels.back();
  int64_t count =
      9 * latent_channels * innermost + 2 * residual(innermost, innermost) + 4 * innermost * innermost;
  int64_t in = innermost;
  for (size_t i = channels.size(); i-- > 0;) {
    const int64_t out = channels[i];
    for (int64_t layer = 0; layer < residuals_per_block; ++layer)
      count += residual(layer == 0 ? in : out, out);
    if (i > 0) count += 9 * out * out;
    in = out;
  }
  return count + 9 * in * 3;
}

double DecoderShape::flops(int64_t height, int64_t width) const {
  const auto residual = [](double in, double out) {
    return 2 * (9 * (in * out + out * out) + (in == out ? 0 : in * out));
  };
  double pixels = static_cast<double>(height / scale()) * static_cast<double>(width / scale());
  const auto innermost = static_cast<double>(channels.back());
  double flops =
      pixels * (2 * 9 * static_cast<double>(latent_channels) * innermost +
                2 * residual(innermost, innermost) + 8 * innermost * innermost + 4 * pixels * innermost);
  double in = innermost;
  for (size_t i = channels.size(); i-- > 0;) {
    const auto out = static_cast<double>(channels[i]);
    for (int64_t layer = 0; layer < residuals_per_block; ++layer)
      flops += pixels * residual(layer == 0 ? in : out, out);
    if (i > 0) {
      pixels *= 4;
      flops += pixels * 2 * 9 * out * out;
    }
    in = out;
  }
  return flops + pixels * 2 * 9 * in * 3;
}

double DecoderShape::activations(int64_t height, int64_t width) const {
  double pixels = static_cast<double>(height / scale()) * static_cast<double>(width / scale());
  double count = pixels * static_cast<double>(channels.back()) * (1 + 2 * 2 + 4);
  for (size_t i = channels.size(); i-- > 0;) {
    const auto out = static_cast<double>(channels[i]);
    count += pixels * out * 2 * static_cast<double>(residuals_per_block);
    if (i > 0) {
      pixels *= 4;
      count += pixels * out;
    }
  }
  return count;
}

double DecoderShape::largest_activation(int64_t height, int64_t width) const {
  const size_t second = std::min<size_t>(1, channels.size() - 1);  // upsampled, not yet narrowed
  return static_cast<double>(height) * static_cast<double>(width) * static_cast<double>(channels[second]);
}

int64_t ModelShape::cut_parameters(BlockKind kind) const {
  const int64_t of_a_stream = 4 * width * width + 2 * width * mlp_width;
  return kind == BlockKind::joint ? 2 * of_a_stream : of_a_stream;
}

int64_t ModelShape::whole_parameters(BlockKind kind) const {
  return kind == BlockKind::joint ? 2 * 6 * width * width : 3 * width * width;
}

int64_t ModelShape::other_parameters() const {
  if (unet) return 0;
  const int64_t time = kTimeWidth * width + width * width;
  return 2 * in_channels * width + text_width * width + time * (has_guidance_embedding ? 2 : 1) +
         kPooledWidth * width + width * width + 2 * width * width;
}

int64_t ModelShape::transformer_parameters() const {
  if (unet) return unet->parameters;
  const auto blocks = [&](BlockKind kind, int64_t count) {
    return count * (cut_parameters(kind) + whole_parameters(kind));
  };
  return blocks(BlockKind::joint, num_joint_blocks) + blocks(BlockKind::single, num_single_blocks) +
         other_parameters();
}

int64_t ModelShape::encoder_parameters() const {
  int64_t count = 0;
  for (const EncoderShape& encoder : encoders) count += encoder.parameters();
  return count;
}

ModelShape ModelShape::with_prompt_length(int64_t tokens) const {
  ModelShape changed = *this;
  for (EncoderShape& encoder : changed.encoders) {
    if (!encoder.takes_prompt_length) continue;
    changed.text_tokens += tokens - encoder.tokens;  // others' stay
    encoder.tokens = tokens;
  }
  return changed;
}

ModelShape find_model_shape(const std::string& name) {
  for (const ModelShape& model : known_models()) {
    if (model.name == name) return model;
  }
  throw ConfigError(cat("there is no built-in model '", name, "'", did_you_mean(name, model_shape_names())),
                    cat("the models are ", join(model_shape_names(), ", ")));
}

std::vector<std::string> model_shape_names() {
  std::vector<std::string> names;
  for (const ModelShape& model : known_models()) names.push_back(model.name);
  return names;
}

}  // namespace ditmesh

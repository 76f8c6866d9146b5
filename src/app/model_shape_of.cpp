#include "model_shape_of.hpp"

#include <algorithm>
#include <filesystem>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

ModelShape shape_of(const FluxDescription& model, int64_t text_tokens) {
  const FluxConfig& transformer = model.transformer;
  ModelShape shape;
  shape.name = model.name;
  shape.width = transformer.width();
  shape.num_heads = transformer.num_heads;
  shape.mlp_width = transformer.mlp_width();
  shape.num_joint_blocks = static_cast<int>(transformer.num_double_blocks);
  shape.num_single_blocks = static_cast<int>(transformer.num_single_blocks);
  shape.in_channels = transformer.in_channels;
  shape.text_width = transformer.text_width;
  shape.text_tokens = text_tokens;
  shape.has_guidance_embedding = transformer.guidance;
  const ClipConfig& clip = model.clip;
  const T5Config& t5 = model.t5;
  shape.encoders = {{"CLIP", clip.max_tokens, clip.num_layers, clip.width, clip.width, clip.mlp_width, false,
                     clip.vocab_size, false},
                    {"T5", text_tokens, t5.num_layers, t5.width, t5.num_heads * t5.head_dim, t5.mlp_width,
                     t5.gated, t5.vocab_size, true}};
  shape.decoder = {model.vae.latent_channels, model.vae.channels, model.vae.layers_per_block + 1};
  shape.pixels_per_token = model.pixel_multiple();
  shape.default_steps = model.default_steps();
  return shape;
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names = built_in_names();
  for (const std::string& name : model_shape_names()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

ModelShape find_shape(const std::string& name) {
  if (const auto built_in = built_in_flux(name))
    return shape_of(*built_in, built_in->default_max_sequence_length());
  const auto known = model_shape_names();
  if (std::find(known.begin(), known.end(), name) != known.end()) return find_model_shape(name);
  if (!std::filesystem::is_directory(name) && name.find('/') == std::string::npos) {
    throw ConfigError(cat("--model: there is no built-in shape and no folder '", name, "'",
                          did_you_mean(name, shape_names())),
                      cat("the shapes are ", join(shape_names(), ", ")));
  }
  const FluxDescription model = read_flux_folder(name, find_model(name));
  return shape_of(model, model.default_max_sequence_length());
}

}  // namespace ditmesh

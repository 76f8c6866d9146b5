#pragma once
// What a FLUX.1 model is, before any weight is read.

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/model/clip_text_encoder.hpp"
#include "ditmesh/model/flow_match_euler.hpp"
#include "ditmesh/model/flux_transformer.hpp"
#include "ditmesh/model/t5_encoder.hpp"
#include "ditmesh/model/vae_decoder.hpp"

namespace ditmesh {

struct FluxDescription {
  std::string name;  // as the user gave it
  FluxConfig transformer;
  VaeConfig vae;
  ClipConfig clip;
  T5Config t5;
  FlowMatchEulerConfig scheduler;
  int64_t t5_max_length = 512;  // tokens, of tokenizer_2/tokenizer_config.json
  /// The diffusers folder; none: a built-in shape, which has random weights and no tokenizers.
  std::optional<std::filesystem::path> folder;

  /// Height and width are multiples of this: a latent is `scale` pixels, a token 2 × 2 latents.
  int64_t pixel_multiple() const { return 2 * vae.scale(); }
  int64_t image_tokens(int64_t height, int64_t width) const {
    return (height / pixel_multiple()) * (width / pixel_multiple());
  }
  /// schnell is distilled to four steps; it has no guidance embedding and unshifted timesteps.
  bool is_schnell() const {
    return !transformer.guidance && !scheduler.dynamic_shifting && scheduler.shift == 1.0;
  }
  int default_steps() const { return is_schnell() ? 4 : 28; }
  /// 512 for dev, 256 without guidance embedding (schnell), and never more than tokenizer_2's
  /// model_max_length: FLUX does not mask padding, so a model trained at 64 tokens is another at 512.
  int64_t default_max_sequence_length() const {
    return std::min<int64_t>(transformer.guidance ? 512 : 256, t5_max_length);
  }

  /// Throws ConfigError with the nearest sizes that are possible.
  void check_size(int64_t height, int64_t width) const;
};

/// Where the model is: a folder, or ORG/NAME in the HuggingFace cache (HF_HUB_CACHE,
/// HF_HOME/hub or ~/.cache/huggingface/hub; offline). Throws ConfigError.
std::filesystem::path find_model(const std::string& folder_or_name);

/// Reads model_index.json and the configs of all components, and checks that
/// they fit together; reads no weights. Throws ConfigError.
FluxDescription read_flux_folder(const std::string& name, const std::filesystem::path& folder);

/// Checks names, shapes and dtypes of all weights, and the tokenizers, without
/// reading the data. Returns the bytes of all weights at `element_size` bytes each.
uint64_t check_flux_folder(const FluxDescription& description);

/// A hash that tells models apart: configs and the headers of all weight files.
std::string model_hash(const FluxDescription& description);

/// Shapes that need no checkpoint; nothing for an unknown name.
std::optional<FluxDescription> built_in_flux(const std::string& name);
std::vector<std::string> built_in_names();

}  // namespace ditmesh

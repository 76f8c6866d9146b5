#include "ditmesh/mesh/implementation.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

const std::vector<Implementation>& known() {
  // Passes and kernels are fitted to measured steps, prompts and decodings of FLUX.1-dev; results/ has the
  // figures.
  static const std::vector<Implementation> kKnown = {
      {.name = "ditmesh",
       .description = "this version: LibTorch's kernels, one by one",
       .block_passes = 136,
       .kernels_per_block = 108,
       .merge_passes = 6,
       .encoder_passes = 58,
       .encoder_kernels = 60,
       .decoder_passes = 18.6,
       .decoder_norm_passes = 35.4},
      {.name = "compiled",
       .description = "elementwise kernels fused, a step launched as one CUDA graph",
       .block_passes = 45,
       .kernels_per_block = 1,
       .merge_passes = 3,
       .encoder_passes = 58,
       .encoder_kernels = 30,
       .decoder_passes = 9.5},
      {.name = "xdit",
       .description =
           "xDiT with torch.compile for the transformer alone: q, k, v in all-to-alls of their own, ring as "
           "an all-gather of keys and values, every rank encodes and decodes for itself",
       .block_passes = 45,
       .kernels_per_block = 1,
       .merge_passes = 3,
       .encoder_passes = 457,
       .encoder_kernels = 200,
       .decoder_passes = 39.6,
       .decoder_norm_passes = 35.4,
       .slowdown = 1.125,
       .exchanges_qkv_together = false,
       .ring_gathers = true,
       .deals_out_ends = false},
  };
  return kKnown;
}

}  // namespace

Implementation find_implementation(const std::string& name) {
  for (const Implementation& each : known()) {
    if (each.name == name) return each;
  }
  throw ConfigError(
      cat("there is no implementation '", name, "'", did_you_mean(name, implementation_names())),
      cat("known are ", join(implementation_names(), ", ")));
}

std::vector<std::string> implementation_names() {
  std::vector<std::string> names;
  for (const Implementation& each : known()) names.push_back(each.name);
  return names;
}

}  // namespace ditmesh

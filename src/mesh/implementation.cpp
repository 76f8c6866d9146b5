#include "ditmesh/mesh/implementation.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

const std::vector<Implementation>& known() {
  // Passes and kernels are fitted to measured steps, prompts and decodings of FLUX.1-dev; results/ has the
  // figures.
  static const std::vector<Implementation> kKnown = {
      {"ditmesh", "this version: LibTorch's kernels, one by one", 136, 108, 58, 60, 18.6, 35.4, 1, true,
       false, true},
      {"compiled", "elementwise kernels fused, a step launched as one CUDA graph", 45, 1, 58, 30, 9.5, 1,
       true, false, true},
      {"xdit",
       "xDiT with torch.compile: q, k, v in all-to-alls of their own, ring as an all-gather of keys and "
       "values, "
       "every rank encodes and decodes for itself",
       45, 1, 457, 200, 39.6, 35.4, 1.125, false, true, false},
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

#pragma once
// What the planner must know of a model, from its description or its name.

#include <string>
#include <vector>

#include "ditmesh/mesh/model_shape.hpp"
#include "ditmesh/model/flux_description.hpp"

namespace ditmesh {

/// `text_tokens`: of the T5 prompt.
ModelShape shape_of(const FluxDescription& model, int64_t text_tokens);

/// A diffusers folder, ORG/NAME in the HuggingFace cache, or the name of a model that is known without.
/// Throws ConfigError with the nearest name.
ModelShape find_shape(const std::string& folder_or_name);
/// Those that need no folder.
std::vector<std::string> shape_names();

}  // namespace ditmesh

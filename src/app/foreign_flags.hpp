#pragma once
// Flags of other tools, answered with ours.

#include <optional>
#include <string>

namespace ditmesh {

/// What to write instead of `flag` (with its value, if one was given), for flags of
/// xDiT and diffusers scripts: ("ulysses_degree", "2") → "--mesh ulysses=2".
std::optional<std::string> ours_for(const std::string& flag, const std::string& value);

}  // namespace ditmesh

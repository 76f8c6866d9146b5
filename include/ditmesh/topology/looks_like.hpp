#pragma once

#include <string>
#include <string_view>

namespace ditmesh {

/// What a text seems to be, for the refusal of a reader that was made for another: "JSON", "a Slurm
/// topology.conf", "an XML file with the root element <svg>", "a binary file", "text of another kind". A
/// guess from the first megabytes; never throws.
std::string looks_like(std::string_view text);

}  // namespace ditmesh

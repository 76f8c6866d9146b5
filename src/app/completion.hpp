#pragma once

#include <string>
#include <vector>

#include "options.hpp"

namespace ditmesh {

/// A script for bash: `source <(ditmesh --bash-completion)`. Commands, options, the choices of those that
/// have some, and otherwise files.
std::string bash_completion(const std::vector<CommandSpec>& commands);

}  // namespace ditmesh

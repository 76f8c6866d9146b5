#pragma once

#include <string>

#include "options.hpp"

namespace ditmesh {

CommandSpec generate_spec();

/// "90", "1:30" or "1:00:00" in seconds. Throws ConfigError naming the option.
double parse_duration(const std::string& option, const std::string& text);

}  // namespace ditmesh

#pragma once
// Cores as the kernel lists them.

#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// "0-3,8" → 0 1 2 3 8, ascending, each once. Throws ConfigError naming `what`.
std::vector<int> parse_cpu_list(std::string_view text, std::string_view what);

/// The other way.
std::string cpu_list(const std::vector<int>& cores);

}  // namespace ditmesh

#pragma once
// The two ways in which the kernel writes sets of cores.

#include <optional>
#include <string_view>
#include <vector>

namespace ditmesh {

/// "0-3,8" → 0, 1, 2, 3, 8, ascending; nothing for what is not such a list, or names numbers from 65536 on.
std::optional<std::vector<int>> parse_number_list(std::string_view text);

/// "3,00000001": words of 32 bits in hexadecimal, the highest first → 0, 32, 33. The first word may be short.
/// Nothing for what is no such mask.
std::optional<std::vector<int>> parse_core_mask(std::string_view text);

}  // namespace ditmesh

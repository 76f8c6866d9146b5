#pragma once

#include <iomanip>
#include <string>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

/// 0.525 → "52.5 %".
inline std::string percent(double share) { return cat(std::fixed, std::setprecision(1), 100 * share, " %"); }

}  // namespace ditmesh

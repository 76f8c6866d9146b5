#pragma once

#include <string>

namespace ditmesh {

/// "2026-11-24T17:03:05Z"
std::string utc_now();

}  // namespace ditmesh

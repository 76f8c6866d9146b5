#pragma once

#include <chrono>

#include "ditmesh/base/seconds.hpp"

namespace ditmesh {

/// One that nobody sets.
using JobClock = std::chrono::steady_clock;

}  // namespace ditmesh

#pragma once

#include <chrono>

namespace ditmesh {

/// One that nobody sets.
using JobClock = std::chrono::steady_clock;

inline double seconds_between(JobClock::time_point from, JobClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace ditmesh

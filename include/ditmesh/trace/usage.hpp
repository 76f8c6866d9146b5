#pragma once

#include <array>
#include <cstdint>

#include "ditmesh/trace/span.hpp"

namespace ditmesh {

/// What a rank has used up to now.
struct Usage {
  std::array<double, kNumPhases> seconds{};  // by phase
  double host_memory_bytes = 0;              // resident
  double device_memory_bytes = 0;            // reserved; 0 on the CPU
  int64_t num_samples = 0;                   // made

  bool operator==(const Usage&) const = default;
};

}  // namespace ditmesh

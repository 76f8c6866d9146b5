#pragma once
// The traces of all ranks of an attempt, on one clock.

#include <cstdint>
#include <vector>

#include "ditmesh/trace/span_file.hpp"

namespace ditmesh {

/// All times are nanoseconds of rank 0's clock since rank 0's program began.
struct AttemptTrace {
  int64_t attempt = 0;
  int64_t clock_error_ns = 0;    // the largest of the ranks
  std::vector<RankTrace> ranks;  // by rank; their spans by start

  int64_t end_ns() const;  // of the last span
};

/// Brings a rank's own times onto that clock, and its spans into the order of their start.
RankTrace align(RankTrace rank);

/// Of aligned ranks, at least one.
AttemptTrace gather(std::vector<RankTrace> ranks);

}  // namespace ditmesh

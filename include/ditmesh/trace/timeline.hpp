#pragma once

#include <string>

#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

/// A script that makes gnuplot draw the attempt as a PNG: ranks × time, coloured by what the generating
/// thread did, and below it the pictures per second of all ranks. However long the trace, the picture's data
/// stays small: a rank has at most kTimelineColumns stretches, and of more than kTimelineRanks ranks every
/// n-th is shown.
std::string timeline_script(const AttemptTrace& trace, const std::string& png_file);

inline constexpr int kTimelineColumns = 1600;
inline constexpr int kTimelineRanks = 128;

}  // namespace ditmesh

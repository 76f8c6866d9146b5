#pragma once

#include <string>
#include <vector>

#include "ditmesh/trace/summary.hpp"

namespace ditmesh {

/// The upper one of two in the middle; 0 of none.
double median(std::vector<double> values);

/// The sentences that an expert would say, what costs most first; of a summary that lacks only them.
std::vector<std::string> remarks_on(const TraceSummary& summary);

}  // namespace ditmesh

#pragma once
// Which blocks a pipeline stage holds.

#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/base/range.hpp"

namespace ditmesh {

/// Runs of blocks, one for each stage, so that the dearest stage is as cheap as it can be; `before` is the
/// cost of what the first stage does besides (the embedding), `after` of what the last does (the head). Each
/// stage has at least one block. Of the best cuts the one whose later stages are the lighter.
///
///   costs 2 2 2 1 1 1 1, 2 stages → [0, 3) [3, 7): 6 and 4   (also [0, 2) [2, 7): 4 and 6)
std::vector<Range> balanced_stages(const std::vector<double>& block_costs, int num_stages, double before = 0,
                                   double after = 0);

/// "0-10,11-24": first and last block of each stage. Throws ConfigError unless they are all blocks in order.
std::vector<Range> parse_stages(std::string_view text, int num_blocks, int num_stages);
std::string to_string(const std::vector<Range>& stages);

}  // namespace ditmesh

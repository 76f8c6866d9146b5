#include "ditmesh/mesh/collective.hpp"

#include <array>

namespace ditmesh {

namespace {

constexpr std::array<std::string_view, 5> kPatterns = {"all_to_all", "all_gather", "reduce_scatter",
                                                       "exchange", "broadcast"};

}  // namespace

std::string_view to_string(Pattern pattern) { return kPatterns[static_cast<size_t>(pattern)]; }

}  // namespace ditmesh

#include "ditmesh/base/range.hpp"

#include <algorithm>
#include <numeric>

namespace ditmesh {

std::vector<int64_t> split_evenly(int64_t total, int64_t parts) {
  std::vector<int64_t> counts(static_cast<size_t>(parts));
  for (int64_t part = 0; part < parts; ++part) counts[part] = part_of(total, parts, part).size();
  return counts;
}

Range part_of(int64_t total, int64_t parts, int64_t part) {
  const int64_t each = total / parts;
  const int64_t more = total % parts;
  const int64_t begin = part * each + std::min(part, more);
  return {begin, begin + each + (part < more ? 1 : 0)};
}

int64_t sum(const std::vector<int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

}  // namespace ditmesh

#pragma once
// Runs of consecutive things, and the one rule by which they are dealt out.

#include <cstdint>
#include <ostream>
#include <vector>

namespace ditmesh {

/// The half-open run [begin, end).
struct Range {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Range& range) {
  return out << '[' << range.begin << ", " << range.end << ')';
}

/// `total` things dealt to `parts` owners in order; the first `total % parts`
/// owners get one more. split_evenly(24, 5): 5 5 5 5 4.
std::vector<int64_t> split_evenly(int64_t total, int64_t parts);

/// The run of owner `part` under split_evenly: part_of(24, 5, 1) = [5, 10).
Range part_of(int64_t total, int64_t parts, int64_t part);

int64_t sum(const std::vector<int64_t>& counts);

}  // namespace ditmesh

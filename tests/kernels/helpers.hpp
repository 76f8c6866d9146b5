#pragma once
// Numbers for tests of tensors: reproducible, and compared by one measure.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <random>
#include <vector>

#include "ditmesh/base/range.hpp"

namespace ditmesh::testing {

/// Normal numbers that depend on the seed only. Of a thread's own, as generators are not shared.
inline at::Tensor seeded_randn(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kFloat));
}

/// max|a − b| / max|b|; 0 for empty tensors of one shape.
inline double relative(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const at::Tensor wide = b.to(at::kDouble);
  return ((a.to(at::kDouble) - wide).abs().max() / wide.abs().max()).item<double>();
}

/// [0, total) cut into at most `parts` runs that are not empty: in order, and shuffled.
inline std::vector<std::vector<Range>> random_cuts(int64_t total, int parts, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int64_t> ends = {total};
  for (int i = 1; i < parts; ++i)
    ends.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(total)));
  std::sort(ends.begin(), ends.end());
  std::vector<Range> cuts;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    if (end > begin) cuts.push_back({begin, end});
    begin = std::max(begin, end);
  }
  std::vector<Range> shuffled = cuts;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  return {cuts, shuffled};
}

}  // namespace ditmesh::testing

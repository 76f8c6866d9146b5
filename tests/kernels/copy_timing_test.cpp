#include "ditmesh/kernels/copy_timing.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ditmesh {
namespace {

TEST(CopyTiming, TimesEveryCopy) {
  const CopyTimes times = time_copies(at::kCPU, at::kCPU);
  EXPECT_EQ(times.latency_s.size(), 100U);
  EXPECT_EQ(times.bytes_per_s.size(), 9U);
  EXPECT_GT(*std::min_element(times.latency_s.begin(), times.latency_s.end()), 0);
  const auto [slowest, fastest] = std::minmax_element(times.bytes_per_s.begin(), times.bytes_per_s.end());
  EXPECT_GT(*slowest, 1e7);
  EXPECT_LT(*fastest, 1e13) << "no memory moves 10 TB/s";
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/trace/clock_model.hpp"

#include <gtest/gtest.h>

namespace ditmesh {
namespace {

TEST(ClockOffset, ComesFromTheShortestRoundTrip) {
  EXPECT_EQ(clock_offset({{100, 1050, 120}}), (ClockOffset{120, 940, 10}));
  EXPECT_EQ(clock_offset({{0, 5000, 900}, {100, 1050, 121}, {200, 1300, 400}}), (ClockOffset{121, 940, 11}));
}

TEST(ClockModel, FollowsDriftBetweenMeasurementsAndNotBeyond) {
  struct Case {
    std::vector<ClockOffset> measured;
    int64_t time_ns;
    int64_t expected_ns;
  };
  const std::vector<ClockOffset> two = {{3000, 200, 7}, {1000, 100, 9}};
  const Case cases[] = {
      {{}, 5, 5},        {{{1000, -40, 3}}, 0, -40}, {{{1000, -40, 3}}, 9000, 8960},
      {two, 0, 100},     {two, 1000, 1100},          {two, 2000, 2150},
      {two, 3000, 3200}, {two, 4000, 4200},
  };
  for (const Case& one : cases) EXPECT_EQ(ClockModel(one.measured).to_rank_0(one.time_ns), one.expected_ns);
  EXPECT_EQ(ClockModel(two).error_ns(), 9);
  EXPECT_EQ(ClockModel().error_ns(), 0);
}

}  // namespace
}  // namespace ditmesh

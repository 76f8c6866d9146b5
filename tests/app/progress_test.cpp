#include "app/progress.hpp"

#include <gtest/gtest.h>

namespace ditmesh {
namespace {

TEST(ProgressText, SaysCountsRateAndTimeLeft) {
  struct Case {
    ProgressCounts counts;
    int64_t total;
    double seconds;
    std::string expected;
  };
  const Case cases[] = {
      {{0, 0}, 40, 0, "0 done, 0 failed of 40"},
      {{0, 0}, 40, 12, "0 done, 0 failed of 40"},
      {{12, 1}, 40, 26, "12 done, 1 failed of 40 · 0.50 images/s · 54.0 s left"},
      {{100, 0}, 4000, 10, "100 done, 0 failed of 4000 · 10.0 images/s · 0:06:30 left"},
      {{40, 0}, 40, 20, "40 done, 0 failed of 40 · 2.00 images/s"},
  };
  for (const Case& one : cases) EXPECT_EQ(progress_text(one.counts, one.total, one.seconds), one.expected);
}

TEST(ProgressBar, FillsWithWhatIsFinished) {
  EXPECT_EQ(progress_bar({0, 0}, 4, 4), "[····] ");
  EXPECT_EQ(progress_bar({1, 1}, 4, 4), "[██··] ");
  EXPECT_EQ(progress_bar({4, 0}, 4, 4), "[████] ");
}

}  // namespace
}  // namespace ditmesh

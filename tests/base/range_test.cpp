#include "ditmesh/base/range.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace ditmesh {
namespace {

using ::testing::ElementsAre;

TEST(SplitEvenly, Table) {
  EXPECT_THAT(split_evenly(24, 5), ElementsAre(5, 5, 5, 5, 4));
  EXPECT_THAT(split_evenly(24, 1), ElementsAre(24));
  EXPECT_THAT(split_evenly(6, 3), ElementsAre(2, 2, 2));
  EXPECT_THAT(split_evenly(2, 4), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(split_evenly(0, 3), ElementsAre(0, 0, 0));
  EXPECT_EQ(part_of(24, 5, 1), (Range{5, 10}));
  EXPECT_EQ(part_of(24, 5, 4), (Range{20, 24}));
  EXPECT_EQ(part_of(2, 4, 3), (Range{2, 2}));
}

TEST(SplitEvenly, TilesInOrderAndDiffersByAtMostOne) {
  for (int64_t total = 0; total <= 60; ++total) {
    for (int64_t parts = 1; parts <= 17; ++parts) {
      const auto counts = split_evenly(total, parts);
      EXPECT_EQ(sum(counts), total);
      EXPECT_LE(counts.front() - counts.back(), 1);
      EXPECT_TRUE(std::is_sorted(counts.rbegin(), counts.rend())) << total << " in " << parts;
      int64_t place = 0;
      for (int64_t part = 0; part < parts; ++part) {
        const Range range = part_of(total, parts, part);
        EXPECT_EQ(range.begin, place);
        EXPECT_EQ(range.size(), counts[static_cast<size_t>(part)]);
        place = range.end;
      }
    }
  }
}

TEST(SplitEvenly, WorksBeyond32Bits) {
  EXPECT_THAT(split_evenly((int64_t{1} << 40) + 1, 2), ElementsAre((int64_t{1} << 39) + 1, int64_t{1} << 39));
}

TEST(Range, PrintsItself) {
  std::ostringstream out;
  out << Range{3, 7};
  EXPECT_EQ(out.str(), "[3, 7)");
}

}  // namespace
}  // namespace ditmesh

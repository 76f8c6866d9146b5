#include "ditmesh/trace/timeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "traces.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RankTraceMaker;

AttemptTrace trace_of(int32_t num_ranks, int32_t num_batches) {
  std::vector<RankTrace> ranks;
  for (int32_t rank = 0; rank < num_ranks; ++rank) {
    RankTraceMaker maker(rank, num_ranks);
    maker.add(Phase::load, 3);
    for (int32_t i = 0; i < num_batches; ++i) maker.batch(i, 2, 2, 1).add(Phase::queue, 0.5);
    ranks.push_back(maker.trace());
  }
  return gather(std::move(ranks));
}

TEST(Timeline, HasABoxPerStretchInThePhasesColour) {
  const std::string script = timeline_script(trace_of(1, 1), "it's.png");
  // 6.5 s: 3 of loading, 2 of denoising, 1 of decoding, 0.5 of waiting.
  EXPECT_THAT(script, AllOf(HasSubstr("set output 'it''s.png'"), HasSubstr("set xrange [0:6.5]"),
                            HasSubstr("lc rgb '#2166ac' title 'denoise'"), HasSubstr("title 'load'"),
                            Not(HasSubstr("title 'encode'"))));
  EXPECT_EQ(std::count(script.begin(), script.end(), '\n') > 80, true) << "the bins of the throughput";
}

TEST(Timeline, StaysSmallHoweverLongTheTraceAndHoweverManyTheRanks) {
  const std::string longest = timeline_script(trace_of(1, 20'000), "a.png");
  EXPECT_LT(longest.size(), 200U * kTimelineColumns);
  const std::string widest = timeline_script(trace_of(1000, 1), "a.png");
  EXPECT_THAT(widest, HasSubstr("1000 ranks, every 8th shown"));
  EXPECT_LT(widest.size(), 100'000U);
}

TEST(Timeline, OfAnEmptyTraceIsAnEmptyPicture) {
  EXPECT_THAT(timeline_script(gather({RankTraceMaker(0, 1).trace()}), "a.png"),
              HasSubstr("plot NaN notitle"));
}

}  // namespace
}  // namespace ditmesh

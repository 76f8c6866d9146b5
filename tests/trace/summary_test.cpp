#include "ditmesh/trace/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "traces.hpp"

namespace ditmesh {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kSecond_ns;
using ::testing::Not;
using testing::RankTraceMaker;

TEST(Align, BringsTimesOntoRank0sClock) {
  RankTrace late = RankTraceMaker(1, 2).add(Phase::load, 2).trace();
  late.info.start_ns = 500;
  for (Span& span : late.spans) span.start_ns += 500;
  late.clock = {{0, 1000, 7}};
  RankTrace first = RankTraceMaker(0, 2).add(Phase::load, 1).trace();
  first.info.start_ns = 300;
  for (Span& span : first.spans) span.start_ns += 300;
  for (RankTrace* rank : {&late, &first}) rank->info.origin_ns = 300;
  const AttemptTrace trace = gather({align(late), align(first)});
  EXPECT_EQ(trace.attempt, 3);
  EXPECT_EQ(trace.clock_error_ns, 7);
  ASSERT_EQ(trace.ranks.size(), 2U);
  EXPECT_EQ(trace.ranks[0].spans[0].start_ns, 0);
  EXPECT_EQ(trace.ranks[1].info.start_ns, 1200);
  EXPECT_EQ(trace.ranks[1].spans[0].start_ns, 1200);
  EXPECT_EQ(trace.ranks[1].spans[0].duration_ns, 2 * kSecond_ns);
  EXPECT_EQ(trace.end_ns(), 1200 + 2 * kSecond_ns);
}

TEST(Summary, HasThePopMetrics) {
  // Rank 0 is useful for 5 s, rank 1 for 9 s, of the 10 s that pictures are made.
  const AttemptTrace trace = gather({
      RankTraceMaker(0, 2).add(Phase::load, 2).batch(0, 2, 4, 1).add(Phase::end_wait, 5).trace(),
      RankTraceMaker(1, 2).add(Phase::load, 2).add(Phase::queue, 1).batch(2, 1, 8, 1).trace(),
  });
  const TraceSummary summary = summarise(trace);
  EXPECT_DOUBLE_EQ(summary.elapsed_s, 12);
  EXPECT_DOUBLE_EQ(summary.making_s, 10);
  EXPECT_DOUBLE_EQ(summary.load_balance, 7.0 / 9);
  EXPECT_DOUBLE_EQ(summary.communication_efficiency, 0.9);
  EXPECT_DOUBLE_EQ(summary.parallel_efficiency, 0.7);
  EXPECT_NEAR(summary.parallel_efficiency, summary.load_balance * summary.communication_efficiency, 1e-12);
  EXPECT_DOUBLE_EQ(summary.utilisation, 14.0 / 24);
  EXPECT_EQ(summary.num_samples, 3);
  EXPECT_DOUBLE_EQ(summary.device_seconds_per_image, 8);
  EXPECT_DOUBLE_EQ(summary.ranks[0].step_s, 0.5) << "per sample of the batch";
  EXPECT_DOUBLE_EQ(summary.ranks[1].other_s, 0);
}

TEST(Summary, SaysWhomARankWaitsFor) {
  // Rank 2 decodes while the others are done: 1 of 5 s of rank 0, 2 of 5 of rank 1.
  const TraceSummary summary = summarise(gather({
      RankTraceMaker(0, 3).batch(0, 1, 3, 1).add(Phase::end_wait, 1).trace(),
      RankTraceMaker(1, 3).batch(1, 1, 2, 1).add(Phase::end_wait, 2).trace(),
      RankTraceMaker(2, 3).add(Phase::denoise, 2).add(Phase::decode, 3, 2, 1).trace(),
  }));
  ASSERT_EQ(summary.waits.size(), 2U);
  EXPECT_EQ(summary.waits[0].rank, 1);
  EXPECT_EQ(summary.waits[0].for_rank, 2);
  EXPECT_EQ(summary.waits[0].phase, Phase::decode);
  EXPECT_DOUBLE_EQ(summary.waits[0].seconds, 2);
  EXPECT_THAT(summary.remarks, Contains(HasSubstr("rank 1 waits 40 % of its time for rank 2's decode")));
}

TEST(Summary, BlamesNobodyWhoseWorkGoesOnAfterTheWait) {
  const TraceSummary summary = summarise(gather({
      RankTraceMaker(0, 2).batch(0, 1, 1, 1).add(Phase::queue, 1).batch(0, 1, 1, 1).trace(),
      RankTraceMaker(1, 2).batch(1, 1, 9, 1).trace(),
  }));
  EXPECT_THAT(summary.waits, IsEmpty());
}

TEST(Summary, SaysThatTheLastShardsAreWaitedFor) {
  RankTrace writer = RankTraceMaker(0, 2).batch(0, 1, 9, 1).add(Phase::end_wait, 4).trace();
  for (const auto& [start_s, duration_s] : {std::pair{2, 3}, {9, 3}, {11, 2}}) {
    Span shard;
    shard.lane = Lane::shard;
    shard.phase = Phase::shard;
    shard.start_ns = start_s * kSecond_ns;
    shard.duration_ns = duration_s * kSecond_ns;
    writer.spans.push_back(shard);
  }
  const TraceSummary summary =
      summarise(gather({writer, RankTraceMaker(1, 2).batch(1, 1, 7, 1).add(Phase::end_wait, 6).trace()}));
  // The last picture is made after 10 s, the last shard is written after 13: both ranks wait for 3 s.
  EXPECT_DOUBLE_EQ(summary.last_shards_s, 6);
  EXPECT_THAT(summary.remarks, Contains(HasSubstr("ranks wait 21 % of their time for the last shards")));
}

TEST(Summary, NamesASlowRank) {
  std::vector<RankTrace> ranks;
  for (int32_t rank = 0; rank < 8; ++rank)
    ranks.push_back(RankTraceMaker(rank, 8).batch(rank, 1, 10, rank == 5 ? 1.3 : 1).trace());
  EXPECT_THAT(summarise(gather(ranks)).remarks,
              Contains(HasSubstr("rank 5 on node2 needs 1.30 times as long for a denoising step")));
}

TEST(Summary, TakesWaitsInsideOfStepsFromTheUsefulTime) {
  RankTrace rank = RankTraceMaker(0, 1).add(Phase::denoise, 4).add(Phase::decode, 1, 0, 1).trace();
  Span wait;
  wait.phase = Phase::communicate;
  wait.start_ns = kSecond_ns;
  wait.duration_ns = kSecond_ns;
  rank.spans.push_back(wait);
  const TraceSummary summary = summarise(gather({rank}));
  EXPECT_DOUBLE_EQ(summary.ranks[0].useful_s, 4);
  EXPECT_DOUBLE_EQ(summary.ranks[0].other_s, 0) << "it is inside of the step";
  EXPECT_THAT(summary.remarks, Contains(HasSubstr("waiting inside of groups of ranks takes 20 %")));
}

TEST(Summary, SaysThatAllIsWell) {
  EXPECT_THAT(summarise(gather({RankTraceMaker(0, 1).batch(0, 1, 50, 1).trace()})).remarks,
              ElementsAre("100 % of the ranks' time makes pictures, and nothing else takes 2 % of it"));
  EXPECT_THAT(summarise(gather({RankTraceMaker(0, 1).trace()})).remarks,
              ElementsAre(HasSubstr("has no spans")));
}

TEST(Summary, IsReadByPeople) {
  const TraceSummary summary = summarise(gather({
      RankTraceMaker(0, 3).add(Phase::load, 5).batch(0, 2, 4, 1).add(Phase::end_wait, 5).trace(),
      RankTraceMaker(1, 3).add(Phase::load, 5).batch(2, 2, 9, 1).trace(),
  }));
  const std::string text = to_text(summary);
  for (const char* part : {"attempt 3: 4 pictures on 3 ranks in 15.0 s", "parallel efficiency    75.0 %",
                           "load balance         75.0 %", "set-up and reading weights take 33 %",
                           "rank 0 waits", "1 ranks left no trace", "denoise", "node0"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  const OrderedJson json = to_json(summary);
  EXPECT_EQ(json.at("ranks").size(), 2U);
  EXPECT_EQ(json.at("ranks")[0].at("seconds").at("load"), 5);
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/schedule/job_simulator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <random>
#include <sstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/trace/perfetto.hpp"
#include "ditmesh/trace/summary.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::StrEq;
using ::testing::ThrowsMessage;

JobPlan job(std::vector<double> slowness, std::vector<JobBatches> batches) {
  JobPlan plan;
  plan.slowness = std::move(slowness);
  plan.batches = std::move(batches);
  return plan;
}

// The picture in job_simulator.hpp.
TEST(JobSimulator, StragglersGetLess) {
  const JobSimulation result = simulate_job(job({1, 2}, {{5, 4, 10}}));
  EXPECT_DOUBLE_EQ(result.total_s, 40);
  EXPECT_DOUBLE_EQ(result.tail_s, 10);
  EXPECT_DOUBLE_EQ(result.idle_share, 10.0 / 80);
  EXPECT_EQ(result.samples_made, 20);
  EXPECT_THAT(result.samples_of, ElementsAre(12, 8));
}

// Costly batches first, so that the tail is short: 30 | 30, then 10 | 10 | 10 in turn.
TEST(JobSimulator, TheEndIsMadeOfCheapBatches) {
  const JobSimulation result = simulate_job(job({1, 1}, {{2, 1, 30}, {3, 1, 10}}));
  EXPECT_DOUBLE_EQ(result.total_s, 50);
  EXPECT_DOUBLE_EQ(result.tail_s, 10);
  const JobSimulation wrong_way = simulate_job(job({1, 1}, {{3, 1, 10}, {2, 1, 30}}));
  EXPECT_DOUBLE_EQ(wrong_way.total_s, 50);
  EXPECT_DOUBLE_EQ(simulate_job(job({1, 1}, {{4, 1, 10}, {1, 1, 30}})).total_s, 50);
  EXPECT_DOUBLE_EQ(simulate_job(job({1, 1}, {{1, 1, 30}, {4, 1, 10}})).total_s, 40);
}

// Batches 0 and 1 begin at 0. At 15 s replica 1 is 5 s into its second batch, which replica 0 makes after its
// own: replica 1  |-- 1 --|-- 3 X
//         replica 0  |-- 0 --|-- 2 --|-- 3 --|
TEST(JobSimulator, LostBatchesAreMadeElsewhere) {
  JobPlan plan = job({1, 1}, {{4, 3, 10}});
  plan.failures = {{15, {1}, 0}};
  const JobSimulation result = simulate_job(plan);
  EXPECT_DOUBLE_EQ(result.total_s, 30);
  EXPECT_EQ(result.samples_made, 12);
  EXPECT_EQ(result.samples_redone, 3);
  EXPECT_THAT(result.samples_of, ElementsAre(9, 3));
  // Of 60 s replica 0 makes 30, replica 1 makes 15, of which 5 for nothing.
  EXPECT_DOUBLE_EQ(result.idle_share, 15.0 / 60);
}

// The other one has nothing left at 20 and waits until somebody notices, at 35.
TEST(JobSimulator, UnnoticedFailuresAreWaitedFor) {
  JobPlan plan = job({1, 1}, {{4, 3, 10}});
  plan.failures = {{15, {1}, 20}};
  const JobSimulation result = simulate_job(plan);
  EXPECT_DOUBLE_EQ(result.total_s, 45);
  EXPECT_DOUBLE_EQ(result.tail_s, 25);
}

TEST(JobSimulator, NodesComeBack) {
  JobPlan plan = job({1, 1}, {{6, 1, 10}});
  plan.failures = {{15, {1}, 0, 5}};
  const JobSimulation result = simulate_job(plan);
  // Replica 0 makes batches 0, 2, the lost 3 and 5; replica 1 makes 1, and 4 when it is back at 20.
  EXPECT_DOUBLE_EQ(result.total_s, 40);
  EXPECT_THAT(result.samples_of, ElementsAre(4, 2));
}

TEST(JobSimulator, HandOutsTakeTime) {
  JobPlan plan = job({1}, {{10, 1, 9}});
  plan.hand_out_s = 1;
  const JobSimulation result = simulate_job(plan);
  EXPECT_DOUBLE_EQ(result.total_s, 100);
  EXPECT_NEAR(result.idle_share, 0.1, 1e-12);
}

TEST(JobSimulator, RefusesWhatCannotBe) {
  EXPECT_THAT(
      [] {
        simulate_job(job({}, {{1, 1, 1}}));
      },
      ThrowsMessage<ConfigError>(StrEq("a job needs a replica")));
  EXPECT_THAT(
      [] {
        simulate_job(job({1, 0}, {{1, 1, 1}}));
      },
      ThrowsMessage<ConfigError>(StrEq("a replica's slowness must be above 0, found 0")));
  JobPlan plan = job({1, 1}, {{4, 1, 10}});
  plan.failures = {{15, {0, 1}, 0}};
  EXPECT_THAT([&] { simulate_job(plan); },
              ThrowsMessage<ConfigError>(StrEq("all 2 replicas are down with 2 batches still to be made")));
  plan.failures = {{15, {2}, 0}};
  EXPECT_THAT([&] { simulate_job(plan); },
              ThrowsMessage<ConfigError>(StrEq("replica 2 fails, the job has 2")));
}

// However failures fall, every sample is made once, and nobody is idle while there is work.
TEST(JobSimulator, NothingIsLostOrMadeTwice) {
  std::mt19937 random(3);
  const auto uniform = [&](double most) { return most * static_cast<double>(random() % 1000) / 1000; };
  for (int i = 0; i < 500; ++i) {
    JobPlan plan;
    const int num_replicas = 2 + static_cast<int>(random() % 20);
    for (int replica = 0; replica < num_replicas; ++replica) plan.slowness.push_back(1 + uniform(1));
    int64_t expected = 0;
    for (int kind = 0; kind < 3; ++kind) {
      plan.batches.push_back(
          {static_cast<int64_t>(random() % 100), 1 + static_cast<int64_t>(random() % 8), 1 + uniform(5)});
      expected += plan.batches.back().count * plan.batches.back().samples;
    }
    for (int failure = 0; failure < 4; ++failure) {
      // Replica 0 stays.
      plan.failures.push_back({uniform(60),
                               {1 + static_cast<int>(random() % (plan.slowness.size() - 1))},
                               uniform(5),
                               failure % 2 == 0 ? uniform(20) : JobFailure().back_after_s});
    }
    const JobSimulation result = simulate_job(plan);
    EXPECT_EQ(result.samples_made, expected);
    EXPECT_EQ(std::accumulate(result.samples_of.begin(), result.samples_of.end(), int64_t{0}), expected);
    EXPECT_GE(result.idle_share, -1e-9);
    EXPECT_LE(result.tail_s, result.total_s);
    const auto again = simulate_job(plan);
    EXPECT_EQ(again.total_s, result.total_s);
    if (expected > 0) {
      EXPECT_EQ(summarise(result.trace).num_samples, expected);
    }
  }
}

// 1 million samples on 1,024 GPUs, one replica each; 1 of 100 is 30 % slower, a node of 8 goes down.
TEST(JobSimulator, AMillionSamplesOn1024Gpus) {
  JobPlan plan;
  for (int replica = 0; replica < 1024; ++replica) plan.slowness.push_back(replica % 100 == 7 ? 1.3 : 1);
  plan.batches = {{1'000'000, 1, 6.5}};
  plan.failures = {{3000, {64, 65, 66, 67, 68, 69, 70, 71}, 30}};
  plan.hand_out_s = 0.002;
  const auto start = std::chrono::steady_clock::now();
  const JobSimulation result = simulate_job(plan);
  const double took_s = seconds_since(start);
  std::cout << "  1,000,000 samples on 1,024 GPUs: " << took_s << " s; total " << result.total_s
            << " s, idle " << result.idle_share << ", tail " << result.tail_s << " s, redone "
            << result.samples_redone << "\n";
  EXPECT_LT(took_s, 10);
  EXPECT_EQ(result.samples_made, 1'000'000);
  EXPECT_EQ(result.samples_redone, 8);
  // A million of 6.502 s, by the speed of all: 1,013 at full speed (8 of them for 3,000 s), 11 slower.
  const double speed = 1013 - 8 + 11 / 1.3;
  const double expected_s = (1e6 * 6.502 - 8 * 3000) / speed;
  EXPECT_NEAR(result.total_s, expected_s, 10);
  EXPECT_LE(result.tail_s, 6.5 * 1.3 + 1);
  EXPECT_LT(result.trace.ranks.front().spans.size(), 100U);
  EXPECT_EQ(summarise(result.trace).num_samples, 1'000'000);
}

}  // namespace
}  // namespace ditmesh

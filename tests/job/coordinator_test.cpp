// Jobs on simulated ranks: no MPI, no clock but ours.

#include "ditmesh/job/coordinator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <queue>
#include <random>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using Seconds = std::chrono::duration<double>;

// A job of shards with given costs of their samples, `batch` samples a unit.
class SimulatedJob {
 public:
  SimulatedJob(std::vector<std::vector<double>> costs_of_shards, int num_ranks, int64_t batch = 1)
      : costs_(std::move(costs_of_shards)), batch_(batch), makes_(static_cast<size_t>(num_ranks)) {
    options.num_ranks = num_ranks;
    int64_t sample = 0;
    for (const auto& costs : costs_) {
      auto& list = samples_.emplace_back();
      for (size_t i = 0; i < costs.size(); ++i) list.push_back(sample++);
    }
    counts.total = sample;
  }

  /// Runs to the end; `seconds_of(rank, cost)` says how long a unit takes.
  void run(const std::function<double(int rank, double cost)>& seconds_of) {
    seconds_of_ = seconds_of;
    std::vector<ShardState> shards;
    std::vector<int64_t> order;
    for (size_t i = 0; i < costs_.size(); ++i) {
      shards.push_back(
          {"s" + std::to_string(i), 0, samples_[i], static_cast<int64_t>(costs_[i].size()), true});
      order.push_back(static_cast<int64_t>(i));
    }
    WorkQueue queue(
        order, [this](int64_t shard) { return units(shard); }, 256);
    coordinator.emplace(std::move(queue), shards, counts, options, at(0));
    for (int rank = 0; rank < options.num_ranks; ++rank) say(0, rank, {MessageKind::ready, {}, {}});
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now = event.seconds;
      if (on_event) on_event(now);
      if (silent.contains(event.rank) && silent[event.rank] < now) continue;
      deliver(coordinator->on_message(event.rank, event.message, at(now)));
    }
  }

  CoordinatorOptions options;
  JobCounts counts;
  std::optional<Coordinator> coordinator;
  double now = 0;
  std::map<int64_t, int> made;             // sample → how often it was made
  std::map<int64_t, int> to_fail;          // sample → how often it fails
  std::map<std::string, int> written;      // shard → how often
  std::map<int, double> silent;            // rank → from when
  std::vector<double> idle_since;          // by rank, when it began to wait for good
  std::map<int, StopReason> told_to_stop;  // rank → why
  int num_finished = 0;
  std::function<void(double now)> on_event;

  void say(double seconds, int rank, ControlMessage message) {
    events_.push({seconds, next_event_++, rank, std::move(message)});
  }
  static JobClock::time_point at(double seconds) {
    return JobClock::time_point() + std::chrono::duration_cast<JobClock::duration>(Seconds(seconds));
  }
  const std::vector<double>& last_work_end() const { return makes_; }

 private:
  struct Event {
    double seconds;
    int64_t number;
    int rank;
    ControlMessage message;
    bool operator<(const Event& other) const {
      return std::tie(other.seconds, other.number) < std::tie(seconds, number);
    }
  };

  std::vector<QueuedUnit> units(int64_t shard) const {
    const auto& costs = costs_[static_cast<size_t>(shard)];
    std::vector<QueuedUnit> all;
    for (size_t begin = 0; begin < costs.size();) {
      QueuedUnit unit{shard, {}, 0, false};
      while (begin < costs.size() && static_cast<int64_t>(unit.positions.size()) < batch_) {
        unit.positions.push_back(static_cast<int64_t>(begin));
        unit.cost += costs[begin++];
      }
      all.push_back(unit);
    }
    return all;
  }

  void deliver(const Coordinator::Outbox& outbox) {
    for (const auto& [rank, message] : outbox) {
      switch (message.kind) {
        case MessageKind::assign:
          make(rank, to_work_order(message));
          break;
        case MessageKind::write_shard: {
          const ShardOrder order = to_shard_order(message);
          for (const int64_t sample : order.samples) EXPECT_TRUE(made.contains(sample));
          ++written[order.name];
          say(now + 0.01, rank, {MessageKind::shard_written, {order.shard}, {}});
          break;
        }
        case MessageKind::stop:
          told_to_stop[rank] = static_cast<StopReason>(message.numbers.at(0));
          break;
        case MessageKind::finish:
          ++num_finished;
          break;
        default:
          break;
      }
    }
  }

  void make(int rank, const WorkOrder& order) {
    double cost = 0;
    WorkResult result{order.unit, {}, 0};
    for (const int64_t sample : order.samples) {
      ++made[sample];
      cost += cost_of(sample);
      if (to_fail[sample] > 0) {
        --to_fail[sample];
        result.outcomes.push_back(order.is_retry ? WorkResult::Outcome::failed
                                                 : WorkResult::Outcome::failed_once);
      } else {
        result.outcomes.push_back(WorkResult::Outcome::done);
      }
    }
    const double end = now + seconds_of_(rank, cost);
    makes_[static_cast<size_t>(rank)] = end;
    // It asks for more before the journal is on disk.
    say(end, rank, {MessageKind::ready, {}, {}});
    say(end + 0.001, rank, to_message(result));
  }

  double cost_of(int64_t sample) const {
    for (size_t i = 0; i < samples_.size(); ++i) {
      if (sample <= samples_[i].back()) return costs_[i][static_cast<size_t>(sample - samples_[i].front())];
    }
    return 0;
  }

  std::vector<std::vector<double>> costs_;
  std::vector<std::vector<int64_t>> samples_;
  int64_t batch_;
  std::vector<double> makes_;  // by rank, the end of its last unit
  std::function<double(int, double)> seconds_of_;
  std::priority_queue<Event> events_;
  int64_t next_event_ = 0;
};

void expect_all_once(const SimulatedJob& job) {
  EXPECT_EQ(static_cast<int64_t>(job.made.size()), job.counts.total);
  for (const auto& [sample, times] : job.made) EXPECT_EQ(times, 1) << "sample " << sample;
  for (const auto& [shard, times] : job.written) EXPECT_EQ(times, 1) << shard;
  EXPECT_EQ(job.num_finished, job.options.num_ranks);
  EXPECT_TRUE(job.coordinator->finished());
}

TEST(Coordinator, EverySampleIsMadeOnceAndEveryShardWrittenOnce) {
  struct Case {
    std::vector<std::vector<double>> shards;
    int num_ranks;
    int64_t batch;
  };
  const Case cases[] = {
      {{{1}}, 1, 1},
      {{{1}}, 5, 1},
      {{{1, 1, 1, 1, 1, 1, 1}}, 3, 2},
      {{{1, 2, 3}, {4, 5}, {6}}, 2, 4},
      {std::vector<std::vector<double>>(40, std::vector<double>(25, 1)), 7, 3},
      {std::vector<std::vector<double>>(10, std::vector<double>(300, 1)), 1000, 1},
  };
  std::mt19937 random(1);
  for (const Case& one : cases) {
    SimulatedJob job(one.shards, one.num_ranks, one.batch);
    std::uniform_real_distribution<double> noise(0.5, 2);
    job.run([&](int, double cost) { return cost * noise(random); });
    expect_all_once(job);
    EXPECT_EQ(job.coordinator->counts().done, job.counts.total);
    EXPECT_EQ(job.written.size(), one.shards.size());
  }
}

TEST(Coordinator, ASlowRankHoldsNobodyUp) {
  SimulatedJob job({std::vector<double>(400, 1)}, 4);
  job.run([](int rank, double cost) { return rank == 0 ? 30 : 0.1 * cost; });
  expect_all_once(job);
  for (int rank = 1; rank < 4; ++rank) EXPECT_LT(job.last_work_end()[static_cast<size_t>(rank)], 14);
  EXPECT_LE(job.last_work_end()[0], 30.1);  // it began one unit
}

TEST(Coordinator, MixedSizesLeaveAnIdleTailOfOneSmallestBatch) {
  // 256² and 2048² alternating in the manifest: two buckets, the costly one opened first.
  for (const int num_ranks : {2, 3, 5, 8}) {
    SimulatedJob job({std::vector<double>(50, 64), std::vector<double>(1000, 1)}, num_ranks);
    job.run([](int, double cost) { return cost; });
    expect_all_once(job);
    const auto [first, last] = std::minmax_element(job.last_work_end().begin(), job.last_work_end().end());
    EXPECT_LE(*last - *first, 1.0001) << num_ranks << " ranks";
  }
}

TEST(Coordinator, MixedStepsWithinABucketToo) {
  std::vector<double> costs;
  for (int i = 0; i < 250; ++i) costs.push_back(i % 10 == 0 ? 20 : 1);
  SimulatedJob job({costs}, 4);
  job.run([](int, double cost) { return cost; });
  expect_all_once(job);
  const auto [first, last] = std::minmax_element(job.last_work_end().begin(), job.last_work_end().end());
  EXPECT_LE(*last - *first, 1.0001);
}

TEST(Coordinator, AFailedSampleIsTriedOnceMoreAlone) {
  SimulatedJob job({{1, 1, 1, 1}}, 2, 4);
  job.to_fail = {{1, 1}, {2, 2}};
  job.run([](int, double cost) { return cost; });
  EXPECT_EQ(job.made, (std::map<int64_t, int>{{0, 1}, {1, 2}, {2, 2}, {3, 1}}));
  EXPECT_EQ(job.coordinator->counts().done, 3);
  EXPECT_EQ(job.coordinator->counts().failed, 1);
  EXPECT_EQ(job.written, (std::map<std::string, int>{{"s0", 1}}));
  EXPECT_TRUE(job.coordinator->finished());
}

TEST(Coordinator, RanksLearnWhatComesNext) {
  SimulatedJob job({std::vector<double>(100, 1)}, 1);
  job.options.ahead = 10;
  std::vector<ShardState> shards;
  std::vector<int64_t> samples(100);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<int64_t>(i) + 1000;
  shards.push_back({"s", 0, samples, 100, true});
  WorkQueue queue(
      {0},
      [](int64_t) {
        std::vector<QueuedUnit> units;
        for (int64_t i = 0; i < 100; i += 2) units.push_back({0, {i, i + 1}, 1, false});
        return units;
      },
      256);
  Coordinator coordinator(std::move(queue), shards, {100, 0, 0, 0, 0}, job.options, SimulatedJob::at(0));
  const auto out = coordinator.on_message(0, {MessageKind::ready, {}, {}}, SimulatedJob::at(0));
  ASSERT_EQ(out.size(), 1U);
  const WorkOrder order = to_work_order(out[0].message);
  EXPECT_THAT(order.samples, ::testing::ElementsAre(1000, 1001));
  EXPECT_THAT(order.ahead,
              ::testing::ElementsAre(1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011));
}

TEST(Coordinator, WhatEarlierAttemptsMadeIsNotMadeAgain) {
  const std::vector<int64_t> samples = {0, 1, 2};
  // In the first nothing is open, but its file is not there; the second is complete.
  const std::vector<ShardState> shards = {{"a", 0, samples, 0, true}, {"b", 0, samples, 0, false}};
  Coordinator coordinator(WorkQueue({}, {}, 8), shards, {6, 6, 0, 6, 0}, {}, SimulatedJob::at(0));
  auto out = coordinator.on_message(0, {MessageKind::ready, {}, {}}, SimulatedJob::at(0));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(to_shard_order(out[0].message).name, "a");
  EXPECT_FALSE(coordinator.finished());
  out = coordinator.on_message(0, {MessageKind::shard_written, {0}, {}}, SimulatedJob::at(1));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].message.kind, MessageKind::finish);
}

TEST(Coordinator, ASignalStopsEverybodyAndUnitsInFlightMayEnd) {
  SimulatedJob job({std::vector<double>(100, 1)}, 3);
  job.on_event = [&, asked = false](double now) mutable {
    if (asked || now < 5) return;
    asked = true;
    job.say(now, 1, {MessageKind::stop_request, {static_cast<int64_t>(StopReason::warning)}, {}});
  };
  job.run([](int, double cost) { return cost; });
  EXPECT_EQ(job.told_to_stop.size(), 3U);
  EXPECT_FALSE(job.coordinator->finished());
  EXPECT_EQ(job.coordinator->stop_reason(), StopReason::warning);
  EXPECT_EQ(job.coordinator->counts().done, static_cast<int64_t>(job.made.size()));
  EXPECT_LE(job.made.size(), 21U);
  EXPECT_EQ(job.num_finished, 0);
}

TEST(Coordinator, NoUnitIsBegunThatWouldPassTheTimeLimit) {
  SimulatedJob job({std::vector<double>(100, 1)}, 2);
  job.options.time_limit = Seconds(10.5);
  job.run([](int, double cost) { return cost; });
  EXPECT_EQ(job.coordinator->stop_reason(), StopReason::time_limit);
  EXPECT_EQ(job.made.size(), 20U);
  EXPECT_LE(job.now, 10.5);
}

TEST(Coordinator, AllLeaveTogether) {
  CoordinatorOptions options;
  options.num_ranks = 3;
  Coordinator coordinator(WorkQueue({}, {}, 8), {}, {}, options, SimulatedJob::at(0));
  const auto leave = [&](int rank) {
    std::vector<int> left;
    for (const auto& [to, message] :
         coordinator.on_message(rank, {MessageKind::leave, {}, {}}, SimulatedJob::at(1))) {
      if (message.kind == MessageKind::left) left.push_back(to);
    }
    return left;
  };
  EXPECT_THAT(leave(2), ::testing::IsEmpty());
  EXPECT_THAT(leave(0), ::testing::IsEmpty());
  EXPECT_FALSE(coordinator.everybody_left());
  EXPECT_THAT(leave(1), ::testing::ElementsAre(0, 1, 2));
  EXPECT_TRUE(coordinator.everybody_left());
}

TEST(Coordinator, ResultsThatNobodyAskedForAreADefect) {
  Coordinator coordinator(WorkQueue({}, {}, 8), {}, {}, {}, SimulatedJob::at(0));
  EXPECT_THROW(coordinator.on_message(0, to_message(WorkResult{5, {}, 0}), SimulatedJob::at(0)),
               InternalError);
  EXPECT_THROW(coordinator.on_message(0, {MessageKind::shard_written, {0}, {}}, SimulatedJob::at(0)),
               InternalError);
  EXPECT_THROW(coordinator.on_message(0, {MessageKind::assign, {}, {}}, SimulatedJob::at(0)), InternalError);
}

}  // namespace
}  // namespace ditmesh

// Whole jobs on threads as ranks: coordinator, control threads and writers as the program runs them, with a
// channel in memory instead of MPI.

#include "ditmesh/job/job_control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/helpers.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/job/result_writer.hpp"
#include "mail_channel.hpp"

namespace ditmesh {
namespace {

using testing::done_record;
using testing::Job;
using testing::Mail;
using testing::MailChannel;
using testing::small_pictures;
using testing::TemporaryFolder;

Job job_of(int num_samples, int64_t shard_size) {
  std::vector<std::string> prompts;
  for (int i = 0; i < num_samples; ++i) prompts.push_back("cat " + std::to_string(i));
  PlanOptions options;
  options.shard_size = shard_size;
  return Job(manifest_from_prompts(prompts), small_pictures(), options);
}

std::unique_ptr<Coordinator> coordinator_of(const Job& job, int num_ranks) {
  std::vector<ShardState> shards;
  std::vector<int64_t> order;
  for (int64_t i = 0; i < static_cast<int64_t>(job.plan.shards.size()); ++i) {
    const Shard& shard = job.plan.shards[static_cast<size_t>(i)];
    shards.push_back({shard.name, shard.begin, job.plan.samples_of(i), shard.size(), true});
    order.push_back(i);
  }
  const auto units = [&job](int64_t shard) {
    std::vector<QueuedUnit> queued;
    for (WorkUnit& unit : job.plan.units(shard))
      queued.push_back({shard, std::move(unit.positions), 1, false});
    return queued;
  };
  CoordinatorOptions options;
  options.num_ranks = num_ranks;
  const int64_t total = job.plan.num_samples();
  return std::make_unique<Coordinator>(WorkQueue(order, units, 64), shards, JobCounts{total, 0, 0, 0, 0},
                                       options, JobClock::now());
}

struct Shared {
  explicit Shared(int num_ranks) : mail(num_ranks) {}
  Mail mail;
  std::atomic<StopReason> signal{StopReason::none};
  std::atomic<int> num_made{0};
  std::vector<Usage> usage;  // as rank 0 heard of it
};

// One rank, as the program runs it.
void run_rank(const Job& job, const std::filesystem::path& output, int rank, int num_ranks, Shared& shared,
              const std::function<void(int rank)>& before_unit) {
  Activity activity;
  std::atomic<int64_t> num_made{0};  // by this rank
  std::optional<JobControl> control;
  ResultWriter writer(output, rank, 1, job.samples,
                      {[&](const WorkResult& result) { control->unit_saved(result); },
                       [&](int64_t shard) { control->shard_written(shard); },
                       [](const std::exception_ptr&) { ADD_FAILURE() << "the writer failed"; }},
                      {});
  control.emplace(std::make_unique<MailChannel>(shared.mail, rank), activity,
                  rank == 0 ? coordinator_of(job, num_ranks) : nullptr,
                  JobControl::Hooks{[&](const ShardOrder& order) { writer.write_shard(order); },
                                    [&](const std::string& name) { writer.close_journal(name); },
                                    [](const std::exception_ptr&) { ADD_FAILURE() << "control failed"; },
                                    [&] { return shared.signal.load(); },
                                    [&, rank] {
                                      Usage usage;
                                      usage.num_samples = num_made;
                                      usage.host_memory_bytes = rank;
                                      return usage;
                                    }});
  while (const auto order = control->next_order()) {
    before_unit(rank);
    if (control->stop_reason() == StopReason::terminate) {
      control->drop(*order);
      break;
    }
    std::vector<JournalRecord> records;
    for (size_t i = 0; i < order->samples.size(); ++i) {
      activity.set_step(static_cast<int>(i) + 1, static_cast<int>(order->samples.size()));
      records.push_back(done_record(job.samples.sample(order->samples[i]), order->positions[i]));
    }
    num_made += static_cast<int64_t>(records.size());
    shared.num_made += static_cast<int>(records.size());
    writer.save(order->shard_name, std::move(records),
                {order->unit, std::vector(order->samples.size(), WorkResult::Outcome::done), 0.1});
  }
  control->wait_for_end();
  writer.finish(control->stop_reason() != StopReason::none);
  control->leave();
  if (rank == 0) shared.usage = control->usage();
}

void run_all(const Job& job, const std::filesystem::path& output, int num_ranks, Shared& shared,
             const std::function<void(int rank)>& before_unit) {
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < num_ranks; ++rank) {
    ranks.emplace_back([&, rank] { run_rank(job, output, rank, num_ranks, shared, before_unit); });
  }
  for (std::thread& rank : ranks) rank.join();
}

TEST(JobControl, ThreadsAsRanksMakeEveryShard) {
  for (const int num_ranks : {1, 2, 5}) {
    const TemporaryFolder output;
    const Job job = job_of(40, 7);
    Shared shared(num_ranks);
    run_all(job, output.path(), num_ranks, shared, [](int) {});
    EXPECT_EQ(shared.num_made, 40);
    ASSERT_EQ(shared.usage.size(), static_cast<size_t>(num_ranks));
    int64_t told = 0;
    for (int rank = 0; rank < num_ranks; ++rank) {
      told += shared.usage[static_cast<size_t>(rank)].num_samples;
      EXPECT_EQ(shared.usage[static_cast<size_t>(rank)].host_memory_bytes, rank);
    }
    EXPECT_EQ(told, 40);
    EXPECT_EQ(write_index(output.path()).counts, (StatusCounts{0, 40, 0}));
    EXPECT_THAT(list_journals(output.path()), ::testing::IsEmpty());
  }
}

TEST(JobControl, ASignalStopsAllAndTheJournalsKeepWhatWasMade) {
  const TemporaryFolder output;
  const Job job = job_of(60, 60);
  Shared shared(3);
  std::atomic<int> units{0};
  run_all(job, output.path(), 3, shared, [&](int) {
    if (++units == 10) shared.signal = StopReason::terminate;
    if (units >= 10) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  EXPECT_LT(shared.num_made, 60);
  int journalled = 0;
  for (const auto& path : list_journals(output.path())) {
    journalled += static_cast<int>(JournalReader(path).entries().size());
  }
  EXPECT_EQ(journalled, shared.num_made);
}

}  // namespace
}  // namespace ditmesh

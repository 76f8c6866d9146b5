#include "ditmesh/job/result_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "dataset/helpers.hpp"
#include "ditmesh/dataset/reader.hpp"

namespace ditmesh {
namespace {

using testing::done_record;
using testing::Job;
using testing::small_pictures;
using testing::TemporaryFolder;

// What the callbacks were told; they come from other threads.
struct Told {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<WorkResult> units;
  std::vector<int64_t> shards;
  std::vector<std::string> errors;

  ResultWriter::Callbacks callbacks() {
    return {[this](WorkResult result) { note(units, std::move(result)); },
            [this](int64_t shard) { note(shards, shard); },
            [this](std::exception_ptr error) {
              try {
                std::rethrow_exception(error);
              } catch (const std::exception& caught) {
                note(errors, std::string(caught.what()));
              }
            }};
  }
  template <typename T>
  void note(std::vector<T>& list, T item) {
    {
      const std::lock_guard lock(mutex);
      list.push_back(std::move(item));
    }
    changed.notify_all();
  }
  template <typename T>
  void wait_for(const std::vector<T>& list, size_t count) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return list.size() >= count; }));
  }
};

Job job_of(int num_samples, int64_t shard_size) {
  std::vector<std::string> prompts;
  for (int i = 0; i < num_samples; ++i) prompts.push_back("cat " + std::to_string(i));
  PlanOptions options;
  options.shard_size = shard_size;
  return Job(manifest_from_prompts(prompts), small_pictures(), options);
}

void save(ResultWriter& writer, const Job& job, int64_t shard, int64_t position) {
  writer.save(job.plan.shards[static_cast<size_t>(shard)].name,
              {done_record(job.sample_at(shard, position), position)},
              {shard * 100 + position, {WorkResult::Outcome::done}, 0.5});
}

ShardOrder order_of(const Job& job, int64_t shard) {
  const Shard& range = job.plan.shards[static_cast<size_t>(shard)];
  ShardOrder order{shard, range.name, range.begin, {}};
  for (int64_t i = 0; i < range.size(); ++i) order.samples.push_back(job.plan.sample_at(shard, i));
  return order;
}

TEST(ResultWriter, JournalsThenShards) {
  const TemporaryFolder output;
  const Job job = job_of(6, 3);
  Told told;
  ResultWriter writer(output.path(), 4, 2, job.samples, told.callbacks(), {});
  for (int64_t shard = 0; shard < 2; ++shard) {
    for (int64_t position = 0; position < 3; ++position) save(writer, job, shard, position);
  }
  told.wait_for(told.units, 6);
  EXPECT_TRUE(std::filesystem::exists(journal_path(output.path(), job.plan.shards[0].name, 4, 2)));
  for (int64_t shard = 0; shard < 2; ++shard) {
    writer.close_journal(job.plan.shards[static_cast<size_t>(shard)].name);
    writer.write_shard(order_of(job, shard));
  }
  told.wait_for(told.shards, 2);
  writer.finish(false);
  EXPECT_THAT(told.errors, ::testing::IsEmpty());
  EXPECT_THAT(told.shards, ::testing::ElementsAre(0, 1));
  EXPECT_THAT(list_journals(output.path()), ::testing::IsEmpty());
  EXPECT_EQ(write_index(output.path()).counts.done, 6);
  EXPECT_EQ(Dataset(output.path()).row(5).attempt, 2);
}

TEST(ResultWriter, EncodesPicturesInShards) {
  const TemporaryFolder output;
  const Job job = job_of(3, 3);
  const ImageFormat format = ImageFormat::parse("webp");
  Told told;
  ResultWriter writer(output.path(), 0, 1, job.samples, told.callbacks(), {}, format);
  for (int64_t position = 0; position < 3; ++position) save(writer, job, 0, position);
  told.wait_for(told.units, 3);
  writer.write_shard(order_of(job, 0));
  told.wait_for(told.shards, 1);
  writer.finish(false);
  EXPECT_THAT(told.errors, ::testing::IsEmpty());
  write_index(output.path());
  const Dataset dataset(output.path());
  EXPECT_EQ(dataset.image_format(), format);
  EXPECT_EQ(dataset.pixels(2), done_record(job.sample_at(0, 2), 2).image);
}

TEST(ResultWriter, FinishingWritesAllJournalsAndDropsShards) {
  const TemporaryFolder output;
  const Job job = job_of(40, 40);
  Told told;
  ResultWriter writer(output.path(), 0, 0, job.samples, told.callbacks(), {});
  for (int64_t position = 0; position < 40; ++position) save(writer, job, 0, position);
  writer.finish(true);
  EXPECT_EQ(told.units.size(), 40U);
  EXPECT_EQ(JournalReader(list_journals(output.path()).front()).entries().size(), 40U);
  EXPECT_THAT(told.errors, ::testing::IsEmpty());
}

TEST(ResultWriter, AnErrorIsToldOnce) {
  const TemporaryFolder output;
  output.write("journal", "a file where the folder should be");
  const Job job = job_of(2, 2);
  Told told;
  ResultWriter writer(output.path(), 0, 0, job.samples, told.callbacks(), {});
  save(writer, job, 0, 0);
  save(writer, job, 0, 1);
  told.wait_for(told.errors, 1);
  EXPECT_THAT(told.errors, ::testing::ElementsAre(::testing::HasSubstr("cannot create the journal")));
  EXPECT_THAT(told.units, ::testing::IsEmpty());
}

}  // namespace
}  // namespace ditmesh

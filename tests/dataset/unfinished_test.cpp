#include "ditmesh/dataset/unfinished.hpp"

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/utc_time.hpp"
#include "ditmesh/dataset/output_lock.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::done_record;
using ::testing::ElementsAre;
using testing::error_of;
using testing::failed_record;
using ::testing::HasSubstr;
using testing::Job;
using ::testing::Not;
using testing::TemporaryFolder;

/// Seven samples in shards of 2, 2, 2 and 1; one shard is complete, one is journalled, the others are not
/// begun.
class UnfinishedJob : public ::testing::Test {
 protected:
  UnfinishedJob()
      : job_(manifest_from_prompts({"a", "b", "c", "d", "e", "f", "g"}), testing::small_pictures(), {2, 1}) {
    job_.journal_all(folder_.path(), 0);
    job_.write(folder_.path(), 0);
    remove_journals(folder_.path(), "16x24-000000");
    JournalWriter writer(journal_path(folder_.path(), "16x24-000001", 0, 1));
    writer.append(done_record(job_.sample_at(1, 0), 0));
    writer.append(failed_record(job_.sample_at(1, 1), 1, "too hot"));
    record_.settings = {{"model", {{"value", "flux"}, {"origin", "command line"}}},
                        {"prompt", {{"value", {"a cat", "it's"}}, {"origin", "file"}}},
                        {"save-latents", {{"value", "true"}, {"origin", "environment"}}},
                        {"steps", {{"value", "28"}, {"origin", "default"}}}};
    record_.sampling = record_.numerics = record_.versions = OrderedJson::object();
    record_.num_samples = 7;
    record_.shard_size = 2;
    for (const Shard& shard : job_.plan.shards) record_.shards.push_back({shard.name, shard.size()});
    record_.attempts = {{{"number", 1},
                         {"started", "T1"},
                         {"ranks", 2},
                         {"made", 3},
                         {"ended", "T2"},
                         {"ended_by", "warning"}},
                        {{"number", 2}, {"started", "T3"}, {"ranks", 4}}};
  }

  std::string text() const { return to_text(inspect_unfinished(folder_.path())); }

  const TemporaryFolder folder_;
  const Job job_;
  JobRecord record_;
};

TEST_F(UnfinishedJob, IsToldFromADatasetAndFromOtherFolders) {
  const TemporaryFolder other;
  other.write("job.lock", "");
  EXPECT_FALSE(is_unfinished(other.path()));
  EXPECT_FALSE(is_unfinished(other.path() / "none"));
  EXPECT_TRUE(is_unfinished(folder_.path()));
  record_.write(folder_.path());
  EXPECT_TRUE(is_unfinished(folder_.path()));
  write_index(folder_.path());
  EXPECT_FALSE(is_unfinished(folder_.path()));
}

TEST_F(UnfinishedJob, IsSummedUp) {
  record_.write(folder_.path());
  const Unfinished unfinished = inspect_unfinished(folder_.path());
  EXPECT_EQ(unfinished.in_shards, (StatusCounts{0, 2, 0}));
  EXPECT_EQ(unfinished.num_shards, 1);
  EXPECT_EQ(unfinished.in_journals, 2);
  EXPECT_EQ(unfinished.num_journals, 1);
  EXPECT_EQ(unfinished.num_missing(), 3);
  EXPECT_EQ(to_text(unfinished), cat("dataset: ", folder_.path().string(), R"( (unfinished: no dataset.h5)
in shards: 2 done, 0 failed, in 1 shard, pictures as raw
in journals: about 2, in 1 journal
missing: about 3 of 7
attempt 1: T1, ranks 2, made 3, ended T2 (warning)
attempt 2: T3, ranks 4, crashed
go on with: ditmesh generate --model flux --prompt 'a cat' --prompt 'it'\''s' --save-latents=true
)"));
  const OrderedJson json = to_json(unfinished);
  EXPECT_EQ(json["finished"], false);
  EXPECT_EQ(json["num_samples"], 7);
  EXPECT_EQ(json["image_format"], "raw");
  EXPECT_EQ(json["num_missing"], 3);
  EXPECT_EQ(json["in_shards"]["done"], 2);
  EXPECT_EQ(json["in_journals_about"], 2);
  EXPECT_EQ(json["parts"][0]["attempts"][1]["ranks"], 4);
  EXPECT_THAT(json["parts"][0]["go_on"].get<std::string>(), HasSubstr("ditmesh generate --model flux"));
}

TEST_F(UnfinishedJob, IsCountedWithoutAJobFile) {
  const Unfinished unfinished = inspect_unfinished(folder_.path());
  EXPECT_FALSE(unfinished.num_missing().has_value());
  EXPECT_TRUE(to_json(unfinished)["num_samples"].is_null());
  EXPECT_TRUE(to_json(unfinished)["image_format"].is_null());
  EXPECT_THAT(to_text(unfinished), AllOf(HasSubstr("in shards: 2 done"), Not(HasSubstr("missing: ")),
                                         Not(HasSubstr("go on with"))));
}

TEST_F(UnfinishedJob, SaysWhoIsAtIt) {
  record_.write(folder_.path());
  const OutputLock lock(folder_.path());
  EXPECT_THAT(text(), AllOf(HasSubstr("running: "), HasSubstr("attempt 2: T3, ranks 4, is running\n"),
                            Not(HasSubstr("go on with"))));
}

TEST_F(UnfinishedJob, SaysHowFarItIsAndWhenItEnds) {
  record_.attempts.back()["started"] = "2026-11-24T10:00:00Z";
  record_.attempts.back()["done_before"] = 1;
  record_.write(folder_.path());
  const OutputLock lock(folder_.path());
  // Two in a shard and two in a journal, one of all of them from before; three are to come.
  const auto now = *parse_utc("2026-11-24T10:00:30Z");
  const Unfinished unfinished = inspect_unfinished(folder_.path(), now);
  ASSERT_EQ(unfinished.attempts.size(), 1U);
  const RunningAttempt& running = unfinished.attempts.front();
  EXPECT_EQ(running.number, 2);
  EXPECT_EQ(running.num_made, 3);
  EXPECT_EQ(running.num_left, 3);
  EXPECT_DOUBLE_EQ(running.images_per_second(), 0.1);
  EXPECT_DOUBLE_EQ(running.left_s().value(), 30);
  EXPECT_THAT(to_text(unfinished),
              HasSubstr("\n  made about 3 in 30.0 s, 3 left, 0.10 images/s: ready in about 30.0 s, at 20"));
  EXPECT_EQ(to_json(unfinished)["running_attempts"][0]["left_s"], 30.0);
  const Unfinished at_once = inspect_unfinished(folder_.path(), *parse_utc("2026-11-24T10:00:00Z"));
  EXPECT_FALSE(at_once.attempts.front().left_s().has_value());
}

TEST_F(UnfinishedJob, OfTwoPartsTellsTheOneThatRuns) {
  record_.part = {1, 2};
  record_.shards = {{"16x24-000001", 2}, {"16x24-000003", 1}};
  record_.attempts.back()["started"] = "2026-11-24T10:00:00Z";
  record_.attempts.back()["done_before"] = 0;
  record_.write(folder_.path());
  const OutputLock lock(folder_.path(), {1, 2});
  const Unfinished unfinished = inspect_unfinished(folder_.path(), *parse_utc("2026-11-24T10:01:00Z"));
  ASSERT_EQ(unfinished.attempts.size(), 1U);
  EXPECT_EQ(unfinished.attempts.front().num_made, 2);
  EXPECT_EQ(unfinished.attempts.front().num_left, 1);
}

TEST_F(UnfinishedJob, MayHaveAnOlderIndex) {
  record_.write(folder_.path());
  EXPECT_FALSE(is_being_written(folder_.path()));
  write_index(folder_.path());
  const OutputLock lock(folder_.path());
  EXPECT_TRUE(is_being_written(folder_.path()));
  EXPECT_THAT(text(), HasSubstr("(a job writes there; dataset.h5 is older)\n"));
}

TEST_F(UnfinishedJob, MayLackOnlyTheIndex) {
  for (int64_t shard = 1; shard < 4; ++shard) job_.write(folder_.path(), shard);
  record_.write(folder_.path());
  EXPECT_THAT(text(), HasSubstr("go on with: ditmesh generate")) << "the journal may hold more";
  remove_journals(folder_.path(), "16x24-000001");
  EXPECT_THAT(text(), HasSubstr(cat("go on with: ditmesh index ", folder_.path().string(), "\n")));
}

TEST_F(UnfinishedJob, CountsAJournalOfACompleteShardOnce) {
  job_.journal_all(folder_.path(), 0);
  const Unfinished unfinished = inspect_unfinished(folder_.path());
  EXPECT_EQ(unfinished.num_journals, 2);
  EXPECT_EQ(unfinished.in_journals, 2);
}

TEST_F(UnfinishedJob, CountsWholeRecordsOfATornJournal) {
  const auto journal = journal_path(folder_.path(), "16x24-000001", 0, 1);
  const auto size = std::filesystem::file_size(journal);
  for (const auto& [bytes, count] : {std::pair{size - 1, 1},
                                     {size - 50, 1},
                                     {uintmax_t{100}, 0},
                                     {uintmax_t{18}, 0},
                                     {uintmax_t{5}, 0},
                                     {uintmax_t{0}, 0}}) {
    std::filesystem::resize_file(journal, bytes);
    EXPECT_EQ(inspect_unfinished(folder_.path()).in_journals, count) << bytes;
  }
}

TEST_F(UnfinishedJob, NamesADamagedShard) {
  std::filesystem::resize_file(folder_.path() / "shards/16x24-000000.h5", 3000);
  EXPECT_THAT(text(), AllOf(HasSubstr("in shards: 0 done, 0 failed, in 0 shards"),
                            HasSubstr("damaged: 16x24-000000: "), HasSubstr("(3000 bytes) is damaged")));
}

TEST_F(UnfinishedJob, MayBeMadeInParts) {
  record_.part = {1, 3};
  record_.settings["part"] = {{"value", "1/3"}, {"origin", "command line"}};
  record_.write(folder_.path());
  EXPECT_THAT(text(),
              AllOf(HasSubstr("go on with: ditmesh generate --model flux"), HasSubstr(" --part 0/3\n"),
                    HasSubstr(" --part 1/3\n"), HasSubstr(" --part 2/3\n")));
  const OutputLock lock(folder_.path(), {2, 3});
  EXPECT_THAT(text(), AllOf(HasSubstr("running: part 2/3: "), HasSubstr("part 1/3\nattempt 1: T1"),
                            HasSubstr("attempt 2: T3, ranks 4, crashed\n"),
                            HasSubstr("never begun: part 0/3\nnever begun: part 2/3\n")));
  EXPECT_THAT(command_to_go_on(record_), HasSubstr(" --part 1/3"));
}

TEST_F(UnfinishedJob, HasAJobFileThatCanBeRead) {
  folder_.write("job.json", "{");
  EXPECT_THAT(error_of<ConfigError>([&] { inspect_unfinished(folder_.path()); }),
              HasSubstr("job.json: line 1, column 2"));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/inspect.hpp"

#include "ditmesh/dataset/job_record.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::done_record;
using ::testing::ElementsAre;
using testing::failed_record;
using ::testing::HasSubstr;
using testing::Job;
using testing::TemporaryFolder;

TEST(Inspect, SumsUpADataset) {
  const TemporaryFolder folder;
  Manifest manifest = manifest_from_prompts({"a", "b", "c", "d", "e"});
  manifest.rows[1].height = 8;
  const Job job(manifest, testing::small_pictures(), {2, 1});
  {
    JournalWriter writer(journal_path(folder.path(), "16x24-000000", 0, 0));
    for (int64_t position = 0; position < 2; ++position) {
      writer.append(done_record(job.sample_at(0, position), position));  // 0.5 and 1.5 s
    }
  }
  JournalWriter(journal_path(folder.path(), "8x24-000000", 0, 0))
      .append(failed_record(job.sample_at(2, 0), 0, "NaN"));
  for (int64_t shard = 0; shard < 3; ++shard) job.write(folder.path(), shard);
  remove_journals(folder.path(), "16x24-000000");
  write_index(folder.path());
  folder.write("job.json",
               R"({"model": "flux", "settings": {"dtype": "bf16", "batch": 2}, "attempts": [1]})");

  const Summary summary = inspect_dataset(Dataset(folder.path()));
  EXPECT_EQ(summary.counts, (StatusCounts{2, 2, 1}));
  EXPECT_THAT(summary.buckets,
              ElementsAre(BucketSummary{"16x24", {2, 2, 0}, 2}, BucketSummary{"8x24", {0, 0, 1}, 1}));
  EXPECT_EQ(summary.num_shards, 3);
  EXPECT_EQ(summary.num_journals, 1);
  EXPECT_GT(summary.size_bytes, 10'000U);
  EXPECT_THAT(summary.errors, ElementsAre("1 #0: NaN"));
  ASSERT_TRUE(summary.device_seconds.has_value());
  EXPECT_EQ(summary.device_seconds->min, 0.5);
  EXPECT_EQ(summary.device_seconds->median, 1);
  EXPECT_EQ(summary.device_seconds->max, 1.5);

  const OrderedJson json = to_json(summary);
  EXPECT_EQ(json["finished"], false) << "two are missing";
  EXPECT_EQ(json["samples"]["done"], 2);
  EXPECT_EQ(json["content_hash"], summary.content_hash);
  EXPECT_EQ(json["buckets"][1]["samples"]["failed"], 1);
  EXPECT_EQ(json["device_seconds"]["median"], 1);
  EXPECT_EQ(json["job"]["settings"]["batch"], 2);
  EXPECT_THAT(
      to_text(summary),
      AllOf(HasSubstr("samples: 5 (2 done, 1 failed, 2 missing)"), HasSubstr("8x24: 0 done, 1 failed"),
            HasSubstr("device seconds per image: min 0.5, median 1, max 1.5"), HasSubstr("failed: 1 #0: NaN"),
            HasSubstr("journals: 1"), HasSubstr("  settings.dtype: bf16"), HasSubstr("  model: flux")));
}

TEST(Inspect, TellsAnIndexOfAJobThatGoesOn) {
  const TemporaryFolder folder;
  const Job job(manifest_from_prompts({"a", "b"}), testing::small_pictures(), {2, 1});
  job.journal_all(folder.path(), 0);
  job.write(folder.path(), 0);
  remove_journals(folder.path(), "16x24-000000");
  write_index(folder.path());
  JobRecord record;
  record.sampling = record.numerics = record.versions = OrderedJson::object();
  record.settings = {{"extend", {{"value", "true"}, {"origin", "command line"}}}};
  record.num_samples = 2;
  record.write(folder.path());
  EXPECT_EQ(to_json(inspect_dataset(Dataset(folder.path())))["finished"], true);

  record.num_samples = 5;  // --extend, and then a crash
  record.write(folder.path());
  const Summary summary = inspect_dataset(Dataset(folder.path()));
  EXPECT_FALSE(summary.is_finished());
  EXPECT_THAT(to_text(summary), AllOf(HasSubstr("unfinished: the job has 5 samples"),
                                      HasSubstr("go on with: ditmesh generate --extend=true\n")));

  folder.write("job.json", "");
  EXPECT_TRUE(inspect_dataset(Dataset(folder.path())).is_finished()) << "verify says what is wrong";
}

TEST(Inspect, SaysTheFormatOfThePictures) {
  for (const char* format : {"raw", "png", "jpeg:75"}) {
    const TemporaryFolder folder;
    Job(manifest_from_prompts({"a"}), testing::small_pictures(), {})
        .write_all(folder.path(), {}, ImageFormat::parse(format));
    const Summary summary = inspect_dataset(Dataset(folder.path()));
    EXPECT_EQ(to_json(summary)["image_format"], format);
    EXPECT_THAT(to_text(summary), HasSubstr(cat(", pictures as ", format, "\n")));
  }
}

TEST(Inspect, DoesWithoutAJobFile) {
  const TemporaryFolder folder;
  Job(manifest_from_prompts({"a"}), testing::small_pictures(), {}).write_all(folder.path());
  const Summary summary = inspect_dataset(Dataset(folder.path()));
  EXPECT_TRUE(to_json(summary)["job"].is_null());
  EXPECT_THAT(to_text(summary), ::testing::Not(HasSubstr("job:")));
}

}  // namespace
}  // namespace ditmesh

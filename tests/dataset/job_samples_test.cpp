#include "ditmesh/dataset/job_samples.hpp"

#include "ditmesh/dataset/sample_store.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

struct JobCase {
  const char* name;
  std::string file;
  std::string content;
};

class Jobs : public ::testing::TestWithParam<JobCase> {};

TEST_P(Jobs, AreReadInOnePassAsInMemory) {
  const JobCase& given = GetParam();
  const TemporaryFolder folder;
  const std::string path = folder.write(given.file, given.content);
  SamplingDefaults defaults;
  defaults.images_per_prompt = 3;
  defaults.negative_prompt = "blur";
  const PlanOptions options{2, 2, {3}};

  const Manifest manifest = read_manifest(path);
  SampleCounts counts;
  const SampleList samples = make_samples(manifest, defaults, &counts);
  const JobSamples job = read_job_samples({path, {}}, {}, defaults, options, folder.path() / "samples");
  EXPECT_EQ(job.manifest.name, manifest.name);
  EXPECT_EQ(job.manifest.num_rows, static_cast<int64_t>(manifest.rows.size()));
  EXPECT_EQ(job.manifest.num_blank_lines, manifest.num_blank_lines);
  EXPECT_EQ(job.manifest.further_columns, manifest.further_columns);
  EXPECT_EQ(job.manifest.rows_sha256, manifest.rows_sha256);
  EXPECT_EQ(job.counts, counts);
  EXPECT_EQ(job.plan, make_plan(samples, options));
  const SampleStore store(folder.path() / "samples");
  ASSERT_EQ(store.size(), samples.size());
  for (int64_t i = 0; i < samples.size(); ++i) EXPECT_EQ(store.sample(i), samples.sample(i));
  EXPECT_EQ(store.further_columns(), manifest.further_columns);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Jobs,
    ::testing::Values(
        JobCase{"text", "a.txt", "\xEF\xBB\xBFune forêt\r\n\r\n森 🌲\na\na\n"},
        JobCase{
            "csv", "a.csv",
            "id,prompt,style,seed,height,steps,cfg,negative\n\n"
            "x,a,oil,18446744073709551615,512,,,sharp\n,b,,,,4,2,\n\"y, z\",\"c\nd\",ink,5,512,,3,sharp\n"},
        JobCase{"json_lines", "a.jsonl",
                "{\"prompt\":\"a\"}\n{\"prompt\":\"a\",\"tags\":[1,\"ü\"],\"seed\":1}\n\n"
                "{\"lens\":\"35 mm\",\"prompt\":\"a\",\"id\":9,\"seed\":1}\n"}),
    [](const auto& test) { return test.param.name; });

TEST(JobSamples, OfPromptsAreThoseOfATextFile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.txt", "a cat\na dog\na fox\n");
  ManifestOptions options;
  options.limit = 2;
  const JobSamples of_file = read_job_samples({path, {}}, options, {}, {}, folder.path() / "f");
  const JobSamples of_prompts =
      read_job_samples({"", {"a cat", "a dog", "a fox"}}, options, {}, {}, folder.path() / "p");
  EXPECT_EQ(of_prompts.manifest.name, "--prompt");
  EXPECT_EQ(of_prompts.manifest.num_rows, 2);
  EXPECT_EQ(of_prompts.manifest.sha256, of_file.manifest.sha256);
  EXPECT_EQ(of_prompts.manifest.rows_sha256, of_file.manifest.rows_sha256);
  EXPECT_EQ(of_prompts.plan, of_file.plan);
  EXPECT_EQ(SampleStore(folder.path() / "p").sample(1), SampleStore(folder.path() / "f").sample(1));
}

TEST(JobSamples, SayWhoAskedFirstForASize) {
  const TemporaryFolder folder;
  const std::string path =
      folder.write("a.csv", "prompt,id,height\na,,\nb,x,512\nc,y,512\nd,z,1024\ne,,64\n");
  const JobSamples job = read_job_samples({path, {}}, {}, {}, {}, folder.path() / "samples");
  EXPECT_EQ(job.sizes,
            (std::vector<UsedSize>{{1024, 1024, 0, "0"}, {512, 1024, 1, "x"}, {64, 1024, 4, "4"}}));
}

TEST(JobSamples, ThatAreRefusedLeaveNoFile) {
  const TemporaryFolder folder;
  const auto store = folder.path() / "samples";
  const std::string twice = folder.write("a.csv", "id,prompt\nx,a\nx,b\n");
  EXPECT_THAT(error_of<ConfigError>([&] {
                read_job_samples({twice, {}}, {}, {}, {}, store);
              }),
              HasSubstr("'x' is that of line 2 and of line 3"));
  EXPECT_FALSE(std::filesystem::exists(store));
  EXPECT_THAT(error_of<ConfigError>([&] {
                read_job_samples({"", {"a"}}, {}, {}, {0, 0}, store);
              }),
              HasSubstr("--batch must be at least 1"));
  EXPECT_FALSE(std::filesystem::exists(store));
  SamplingDefaults defaults;
  defaults.steps = 0;
  EXPECT_THAT(error_of<ConfigError>([&] {
                read_job_samples({"", {"a"}}, {}, defaults, {}, store);
              }),
              HasSubstr("--steps must be at least 1"));
  EXPECT_FALSE(std::filesystem::exists(store));
}

// What --extend builds upon: an older manifest, found again in the longer one, and its plan in the plan.
TEST(JobSamples, OfALongerManifestBeginWithThoseOfTheOlder) {
  const TemporaryFolder folder;
  SamplingDefaults defaults;
  defaults.images_per_prompt = 2;
  const std::string old_path = folder.write("a.txt", "a\nb\nc\n");
  const JobSamples old = read_job_samples({old_path, {}}, {}, defaults, {2, 1}, folder.path() / "old");
  const std::string new_path = folder.write("b.txt", "a\nb\nc\nd\ne\n");
  ManifestOptions options;
  options.older = OlderManifest{old.manifest.num_rows, old.manifest.rows_sha256};
  const JobSamples longer = read_job_samples({new_path, {}}, options, defaults,
                                             {2, 1, {old.plan.num_samples()}}, folder.path() / "new");
  EXPECT_TRUE(longer.manifest.extends_older);
  ASSERT_GE(longer.plan.shards.size(), old.plan.shards.size());
  EXPECT_TRUE(std::equal(old.plan.shards.begin(), old.plan.shards.end(), longer.plan.shards.begin()));
  const SampleStore old_samples(folder.path() / "old");
  const SampleStore new_samples(folder.path() / "new");
  for (int64_t i = 0; i < old_samples.size(); ++i) EXPECT_EQ(new_samples.sample(i), old_samples.sample(i));
}

}  // namespace
}  // namespace ditmesh

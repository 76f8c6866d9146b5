#include "ditmesh/dataset/output_check.hpp"

#include <unistd.h>

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::string refusal(const std::filesystem::path& output, const Part& part = {}) {
  return error_of<ConfigError>([&] { check_output(output, part); });
}

TEST(OutputCheck, TakesFoldersThatAreNotThereOrEmpty) {
  const TemporaryFolder folder;
  EXPECT_EQ(check_output(folder.path() / "a/b/c"), OutputState::fresh);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a")) << "a check changes nothing";
  EXPECT_EQ(check_output(folder.path()), OutputState::fresh);
}

TEST(OutputCheck, TakesWhatACrashBeforeTheJobFileLeft) {
  const TemporaryFolder folder;
  for (const char* name : {"job.lock", "job.json.tmp", ".nfs0001"}) folder.write(name, "");
  for (const char* name : {"shards", "journal", "traces"})
    std::filesystem::create_directory(folder.path() / name);
  EXPECT_EQ(check_output(folder.path()), OutputState::fresh);
}

TEST(OutputCheck, KnowsAJobThatCanGoOn) {
  const TemporaryFolder folder;
  folder.write("job.json", "{}");
  folder.write("shards/16x24-000000.h5", "");
  folder.write("notes.txt", "by the user");
  EXPECT_EQ(check_output(folder.path()), OutputState::unfinished);
}

TEST(OutputCheck, KnowsPartsThatCanGoOn) {
  const TemporaryFolder folder;
  folder.write("job.part-1-of-3.json", "{}");
  folder.write("shards/16x24-000001.h5", "");
  EXPECT_EQ(check_output(folder.path(), {1, 3}), OutputState::unfinished);
  EXPECT_EQ(check_output(folder.path(), {2, 3}), OutputState::fresh);
  EXPECT_THAT(refusal(folder.path()),
              AllOf(HasSubstr("holds part 1/3 of a job, this one makes the whole dataset"),
                    HasSubstr("give --part I/3, or choose another --output")));
  EXPECT_THAT(refusal(folder.path(), {1, 4}), HasSubstr("holds part 1/3 of a job, this one makes part 1/4"));
  folder.write("job.json", "{}");
  std::filesystem::remove(folder.path() / "job.part-1-of-3.json");
  EXPECT_THAT(refusal(folder.path(), {1, 3}),
              AllOf(HasSubstr("holds the whole dataset of a job, this one makes part 1/3"),
                    HasSubstr("leave --part out")));
}

TEST(OutputCheck, RefusesFoldersOfOthers) {
  const TemporaryFolder folder;
  folder.write("thesis.tex", "");
  EXPECT_THAT(refusal(folder.path()),
              AllOf(HasSubstr("holds 1 file that no job of ditmesh wrote: thesis.tex"),
                    HasSubstr("does not exist yet, or an empty one")));
  for (const char* name : {"a", "b", "c"}) folder.write(name, "");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("holds 4 files that no job of ditmesh wrote: a, b, c, …"));
}

TEST(OutputCheck, RefusesSamplesWithoutAJobFile) {
  for (const char* name : {"shards/16x24-000000.h5", "journal/16x24-000000.replica-0.attempt-1"}) {
    const TemporaryFolder folder;
    folder.write(name, "");
    EXPECT_THAT(refusal(folder.path()),
                AllOf(HasSubstr("holds samples, but no job.json that says how they are made"),
                      HasSubstr("bring job.json back")));
  }
}

TEST(OutputCheck, RefusesFiles) {
  const TemporaryFolder folder;
  const auto file = folder.write("file", "");
  EXPECT_THAT(refusal(file), HasSubstr("is a file: give a folder"));
  EXPECT_THAT(refusal(std::filesystem::path(file) / "below"),
              HasSubstr("file\" is not a folder: give another path"));
}

TEST(OutputCheck, RefusesFoldersThatCannotBeWritten) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(),
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  for (const auto& output : {folder.path(), folder.path() / "below"}) {
    EXPECT_THAT(error_of<EnvironmentError>([&] { check_output(output); }),
                AllOf(HasSubstr("cannot be written: Permission denied"),
                      HasSubstr("give a folder where you may write")));
  }
}

TEST(Space, IsEstimatedFromPixelsLatentsAndJournals) {
  constexpr uint64_t kColumns = 4096;
  const uint64_t small = 16 * 24 * 3 + kColumns;
  EXPECT_EQ(estimate_bytes({}), 0U);
  EXPECT_EQ(estimate_bytes({{16, 24, 10, 4}}), (10 + 2 * 4) * small);
  EXPECT_EQ(estimate_bytes({{16, 24, 3, 4}}), (3 + 2 * 3) * small) << "a shard that is not full";
  const uint64_t large = 32 * 32 * 3 + 16 * 4 * 4 * 4 + kColumns;
  EXPECT_EQ(estimate_bytes({{16, 24, 1, 4}, {32, 32, 5, 2}}, {}, 16),
            small + 16 * 2 * 3 * 4 + (5 + 2 * 2) * large);
  EXPECT_EQ(estimate_bytes({{4096, 4096, 10'000'000, 1000}}),
            (uint64_t{10'000'000} + 2000) * (uint64_t{4096} * 4096 * 3 + kColumns))
      << "beyond 32 bits";
  const uint64_t as_jpeg = 256 * 256 * 3 / 5 + kColumns;
  EXPECT_EQ(estimate_bytes({{256, 256, 10, 4}}, ImageFormat::parse("jpeg:90")),
            10 * as_jpeg + 2 * 4 * (256 * 256 * 3 + kColumns))
      << "journals hold pixels";
}

TEST(Space, IsSaidOrRefused) {
  std::string said;
  const Log log([&](LogLevel, const std::string& message) { said = message; });
  check_space("out", 3 << 20, 3 << 20, log);
  EXPECT_EQ(said, "the job needs about 3.0 MiB in \"out\", 3.0 MiB are free");
  EXPECT_EQ(error_of<EnvironmentError>([&] { check_space("out", 3 << 20, 1 << 20, log); }),
            "the job needs about 3.0 MiB in \"out\", 1.0 MiB are free: make room, choose another --output, "
            "or make "
            "fewer samples (--limit)");
}

TEST(Space, IsAskedOfTheNearestFolder) {
  const TemporaryFolder folder;
  EXPECT_GT(free_bytes(folder.path() / "not/there/yet"), 0U);
  EXPECT_THAT(error_of<EnvironmentError>([&] { check_space(folder.path() / "not", uint64_t{1} << 62); }),
              HasSubstr("needs about 4096.0 PiB in"));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/verify.hpp"

#include <array>

#include "damage.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/dataset/job_record.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::DamagedFile;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Job;
using ::testing::StartsWith;
using testing::TemporaryFolder;

constexpr const char* kFirst = "shards/16x24-000000.h5";
constexpr const char* kSecond = "shards/16x24-000001.h5";

/// A dataset of two buckets, 16x24 in shards of 2 and 1 samples and 8x24 in one of 2, with its job file.
class Verify : public ::testing::Test {
 protected:
  Verify() : job_(manifest(), testing::small_pictures(), {2, 1}) {
    // Written once, then copied: each fsync costs more than a test.
    static const TemporaryFolder original;
    static const std::string content_hash = job_.write_all(original.path()).content_hash;
    std::filesystem::copy(original.path(), folder_.path(), std::filesystem::copy_options::recursive);
    record_.settings = record_.sampling = record_.numerics = record_.versions = OrderedJson::object();
    record_.num_samples = 5;
    record_.shard_size = 2;
    for (const Shard& shard : job_.plan.shards) record_.shards.push_back({shard.name, shard.size()});
    record_.content_hash = content_hash;
    record_.write(folder_.path());
  }

  static Manifest manifest() {
    Manifest manifest = manifest_from_prompts({"a", "b", "c", "d", "e"});
    manifest.rows[1].height = manifest.rows[3].height = 8;
    return manifest;
  }

  std::filesystem::path path(const char* name) const { return folder_.path() / name; }
  std::vector<std::string> problems() const { return verify_dataset(folder_.path()).problems(); }

  const TemporaryFolder folder_;
  const Job job_;
  JobRecord record_;
};

TEST_F(Verify, FindsNothingInAGoodDataset) {
  for (const auto& given : {folder_.path(), path("dataset.h5")}) {
    const VerifyReport report = verify_dataset(given);
    EXPECT_THAT(report.problems(), IsEmpty());
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.counts, (StatusCounts{0, 5, 0}));
    EXPECT_EQ(report.num_hashed, 5);
    EXPECT_EQ(report.content_hash, record_.content_hash);
  }
  std::filesystem::remove(path("job.json"));
  EXPECT_THAT(problems(), IsEmpty()) << "a dataset without a job file is one";
}

TEST_F(Verify, FindsNothingWrongInFailedAndMissingSamples) {
  const TemporaryFolder folder;
  JournalWriter(journal_path(folder.path(), "16x24-000000", 0, 1))
      .append(testing::failed_record(job_.sample_at(0, 0), 0, "too hot"));
  job_.write(folder.path(), 0);
  remove_journals(folder.path(), "16x24-000000");
  write_index(folder.path());
  const VerifyReport report = verify_dataset(folder.path());
  EXPECT_THAT(report.problems(), IsEmpty());
  EXPECT_EQ(report.counts, (StatusCounts{1, 0, 1}));
  EXPECT_EQ(report.num_hashed, 0);
}

TEST_F(Verify, FindsAChangedPixel) {
  DamagedFile(path(kFirst)).flip_pixel("/16x24/images", 16 * 24 * 3 + 5);
  const VerifyReport report = verify_dataset(folder_.path());
  EXPECT_THAT(report.problems(),
              ElementsAre(AllOf(
                  HasSubstr("sample '2' copy 0 in the shard 16x24-000000: the pixels have the SHA-256 "),
                  HasSubstr(", recorded is "))));
  EXPECT_EQ(report.content_hash, "") << "the pixels do not give it";
}

TEST_F(Verify, FindsPixelsThatCannotBeRead) {
  DamagedFile(path(kFirst)).remove("/16x24/images");
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("sample '0' copy 0: cannot open"), HasSubstr("images")),
                                      HasSubstr("sample '2' copy 0: cannot open")));
}

TEST_F(Verify, FindsAMissingShard) {
  std::filesystem::remove(path(kSecond));
  EXPECT_THAT(problems(), ElementsAre("the shard 16x24-000001 is not there, the index names it",
                                      "1 of the 5 rows of the index are in no shard that can be read"));
}

TEST_F(Verify, FindsACutShard) {
  std::filesystem::resize_file(path(kSecond), 3000);
  EXPECT_THAT(problems(),
              ElementsAre(AllOf(StartsWith("the shard 16x24-000001: "), HasSubstr("(3000 bytes) is damaged")),
                          HasSubstr("1 of the 5 rows of the index are in no shard")));
}

TEST_F(Verify, FindsAShardWithoutAColumn) {
  DamagedFile(path(kSecond)).remove("/samples/sha256");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("16x24-000001.h5\" has no column sha256 in /samples"),
                                      HasSubstr("1 of the 5 rows")));
}

TEST_F(Verify, FindsAShardThatTheIndexLacks) {
  std::filesystem::copy(path(kFirst), path("shards/16x24-000007.h5"));
  EXPECT_THAT(problems(), ElementsAre("the shard 16x24-000007 is there, but not in the index",
                                      "no job file names the shard 16x24-000007"));
}

TEST_F(Verify, FindsRowsThatTheIndexLacks) {
  DamagedFile(path(kSecond)).set_number("/samples/row", 0, 17);
  EXPECT_THAT(problems(),
              ElementsAre("sample '4' copy 0 (row 17) of the shard 16x24-000001 is not in the index",
                          "/16x24/row of the index does not say which rows the shard 16x24-000001 holds",
                          "1 of the 5 rows of the index are in no shard that can be read"));
}

TEST_F(Verify, FindsAShardUnderAnotherName) {
  std::filesystem::rename(path(kFirst), path("old"));
  std::filesystem::rename(path(kSecond), path(kFirst));
  std::filesystem::rename(path("old"), path(kSecond));
  const auto found = problems();
  EXPECT_THAT(found,
              ::testing::Contains(HasSubstr("stands in the shard 16x24-000000 at 0, but says that it is in "
                                            "16x24-000001 at 0")));
  EXPECT_THAT(found, ::testing::Contains("the shard 16x24-000000 holds 1 sample, the job file says 2"));
}

TEST_F(Verify, FindsAnAlteredIndex) {
  const DamagedFile index(path("dataset.h5"));
  index.set_number("/samples/seed", 4, 12);
  const auto found = problems();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], AllOf(StartsWith("sample '4' copy 0: seed is '"),
                              HasSubstr("' in the shard 16x24-000001, '12' in the index")));
}

TEST_F(Verify, FindsAnIndexInAnotherOrder) {
  DamagedFile(path("dataset.h5")).set_number("/samples/row", 0, 3);
  EXPECT_THAT(problems(), ::testing::Contains("the rows of the index are not in manifest order"));
}

TEST_F(Verify, FindsAnAlteredHash) {
  const auto cut = [](std::array<char, 64>& digits) { digits[0] = digits[0] == '0' ? '1' : '0'; };
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 64);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  DamagedFile(path("dataset.h5")).change<std::array<char, 64>>("/samples/sha256", 0, type, cut);
  H5Tclose(type);
  EXPECT_THAT(problems(), ElementsAre(StartsWith("sample '0' copy 0: sha256 is '"),
                                      AllOf(HasSubstr("the index's rows give the content hash "),
                                            HasSubstr(", its attribute says ")),
                                      AllOf(HasSubstr("the index's rows give the content hash "),
                                            HasSubstr(cat(", job.json says ", record_.content_hash)))));
}

TEST_F(Verify, ComparesWithTheJobFile) {
  record_.num_samples = 6;
  record_.shards[1].num_samples = 2;
  record_.shards.push_back({"16x24-000002", 2});
  record_.content_hash = std::string(64, 'f');
  record_.image_format = "png";
  record_.write(folder_.path());
  EXPECT_THAT(problems(), ElementsAre("the shard 16x24-000002 of the job is not there",
                                      "job.json says that there are 6 samples, the index holds 5",
                                      "job.json says that pictures are stored as png, the index says raw",
                                      HasSubstr(", job.json says ffffff"),
                                      "the shard 16x24-000001 holds 1 sample, the job file says 2"));
  folder_.write("job.json", "{");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("job.json: line 1, column 2: ")));
}

TEST_F(Verify, NamesPartsThatNeverBegan) {
  std::filesystem::remove(path("job.json"));
  record_.part = {1, 3};
  record_.write(folder_.path());
  EXPECT_THAT(problems(), ElementsAre("part 0/3 of the job has no job.part-0-of-3.json",
                                      "part 2/3 of the job has no job.part-2-of-3.json"));
}

TEST_F(Verify, NamesWhatWasLeftOver) {
  folder_.write("journal/16x24-000000.replica-0.attempt-1", "");
  folder_.write("shards/16x24-000001.h5.tmp", "");
  EXPECT_THAT(problems(),
              ElementsAre("journal/16x24-000000.replica-0.attempt-1 was left over by a job that did not end",
                          "shards/16x24-000001.h5.tmp was left over by a job that did not end"));
}

TEST_F(Verify, IsTheSameOnAnyNumberOfRanks) {
  DamagedFile(path(kFirst)).flip_pixel("/16x24/images", 0);
  std::filesystem::remove(path(kSecond));
  const VerifyReport alone = verify_dataset(folder_.path());
  for (const int num_ranks : {1, 2, 3, 5}) {
    std::vector<VerifyReport> shares;
    for (int rank = 0; rank < num_ranks; ++rank) {
      const std::string text = verify_shards(folder_.path(), rank, num_ranks).to_text();
      shares.push_back(VerifyReport::from_text(text));
    }
    const VerifyReport together = merge_reports(verify_folder(folder_.path()), shares);
    EXPECT_EQ(together.num_hashed, 4);
    EXPECT_THAT(together.problems(), ::testing::UnorderedElementsAreArray(alone.problems()));
  }
}

TEST_F(Verify, TellsItsProgress) {
  std::vector<int64_t> told;
  verify_dataset(folder_.path(), [&](int64_t count) { told.push_back(count); });
  EXPECT_THAT(told, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(Verify, NeedsAnIndex) {
  std::filesystem::remove(path("dataset.h5"));
  EXPECT_THAT(error_of<ConfigError>([&] { verify_dataset(folder_.path()); }),
              AllOf(HasSubstr("has shards but no dataset.h5"), HasSubstr("ditmesh index")));
}

TEST(VerifyReport, TellsTwentyOfAKind) {
  VerifyReport report;
  for (int i = 0; i < 15; ++i) report.add(ProblemKind::pixels, cat("pixel ", i));
  report.add(ProblemKind::shard, "shard");
  VerifyReport other;
  for (int i = 15; i < 33; ++i) other.add(ProblemKind::pixels, cat("pixel ", i));
  report.merge(VerifyReport::from_text(other.to_text()));
  const auto problems = report.problems();
  ASSERT_EQ(problems.size(), 22U);
  EXPECT_EQ(problems[0], "shard");
  EXPECT_EQ(problems[20], "pixel 19");
  EXPECT_EQ(problems[21], "… and 13 more of this kind");
  EXPECT_EQ(report.num_problems(), 34);
  EXPECT_EQ(VerifyReport::from_text(report.to_text()), report);
  const OrderedJson json = to_json(report);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["num_problems"], 34);
  EXPECT_TRUE(json["content_hash"].is_null());
}

TEST(VerifyReport, CarriesTextsThatAreNoUtf8) {
  VerifyReport report;
  report.add(ProblemKind::row, "sample '\xff'");
  EXPECT_EQ(VerifyReport::from_text(report.to_text()).problems().front(), "sample '\xef\xbf\xbd'");
}

}  // namespace
}  // namespace ditmesh

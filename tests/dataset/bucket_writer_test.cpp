// Shards whose pictures are encoded.

#include "damage.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/dataset/compare.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "ditmesh/dataset/shard.hpp"
#include "hdf5_api.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::done_record;
using testing::error_of;
using testing::failed_record;
using ::testing::HasSubstr;
using testing::Hdf5Api;
using testing::Job;
using testing::kEncodedFormats;
using testing::TemporaryFolder;

constexpr const char* kName = "16x24-000000";
constexpr const char* kEncoded = "/16x24/encoded";

Job job_of_four() {
  return {manifest_from_prompts({"a cat", "a dog", "a tree", "a hat"}), testing::small_pictures(), {}};
}

WriteShardOptions written_as(const char* format) {
  WriteShardOptions options;
  options.format = ImageFormat::parse(format);
  return options;
}

std::filesystem::path shard_of(const TemporaryFolder& folder) {
  return folder.path() / "shards" / cat(kName, ".h5");
}

// Samples 0 and 3 are done, 1 failed, 2 is missing.
void journal_some(const Job& job, const std::filesystem::path& output) {
  JournalWriter writer(journal_path(output, kName, 0, 1));
  writer.append(done_record(job.sample_at(0, 0), 0));
  writer.append(failed_record(job.sample_at(0, 1), 1, "NaN after decoding"));
  writer.append(done_record(job.sample_at(0, 3), 3));
}

TEST(BucketWriter, LeavesPictureFilesByThePlainHdf5Api) {
  for (const char* text : kEncodedFormats) {
    const TemporaryFolder folder;
    const Job job = job_of_four();
    journal_some(job, folder.path());
    EXPECT_EQ(job.write(folder.path(), 0, written_as(text)), (StatusCounts{1, 2, 1}));
    const auto path = shard_of(folder);
    const ImageFormat format = ImageFormat::parse(text);
    EXPECT_EQ(Hdf5Api(path).attribute("/", "image_format"), text);
    EXPECT_EQ(Hdf5Api(path).attribute(kEncoded, "media_type"), format.media_type());
    EXPECT_EQ(Hdf5Api(path).attribute(kEncoded, "axes"), "sample");
    EXPECT_EQ(Hdf5Api(path).attribute(kEncoded, "units"),
              "bytes of a picture file, none where there is no picture");
    EXPECT_FALSE(Hdf5Api(path).exists("/16x24/images"));
    const auto encoded = Hdf5Api(path).encoded(kEncoded);
    ASSERT_EQ(encoded.size(), 4U);
    EXPECT_EQ(encoded[1], "") << "failed";
    EXPECT_EQ(encoded[2], "") << "missing";
    write_index(folder.path());
    const Dataset dataset(folder.path());
    EXPECT_EQ(dataset.image_format(), format);
    for (const size_t i : {size_t{0}, size_t{3}}) {
      const auto row = static_cast<int64_t>(i);
      const Image image = done_record(job.sample_at(0, row), row).image;
      EXPECT_EQ(encoded[i], format.encode(image));
      EXPECT_EQ(dataset.row(row).sha256, pixel_sha256(image)) << "of the pixels before encoding";
      EXPECT_EQ(dataset.row(row).encoded_sha256, sha256_hex(encoded[i]));
      if (format.is_lossless()) {
        EXPECT_EQ(dataset.pixels(row), image);
      } else {
        EXPECT_GT(pixel_difference(dataset.pixels(row), image).psnr_db, 25);
      }
    }
    EXPECT_EQ(dataset.row(1).encoded_sha256, "");
  }
}

TEST(BucketWriter, LeavesRawPicturesWithoutTheColumn) {
  const TemporaryFolder folder;
  const Job job = job_of_four();
  journal_some(job, folder.path());
  job.write(folder.path(), 0);
  EXPECT_EQ(Hdf5Api(shard_of(folder)).attribute("/", "image_format"), "raw");
  EXPECT_FALSE(Hdf5Api(shard_of(folder)).exists(kEncoded));
  EXPECT_FALSE(Hdf5Api(shard_of(folder)).exists("/samples/encoded_sha256"));
  write_index(folder.path());
  EXPECT_TRUE(Dataset(folder.path()).image_format().is_raw());
}

TEST(BucketWriter, MakesAShardWithoutPictures) {
  const TemporaryFolder folder;
  const Job job = job_of_four();
  EXPECT_EQ(job.write(folder.path(), 0, written_as("webp")), (StatusCounts{4, 0, 0}));
  EXPECT_EQ(Hdf5Api(shard_of(folder)).encoded(kEncoded), std::vector<std::string>(4));
  EXPECT_TRUE(Hdf5Api(shard_of(folder)).exists("/samples/encoded_sha256"));
}

TEST(BucketWriter, KeepsLatentsBesideEncodedPictures) {
  const TemporaryFolder folder;
  const Job job = job_of_four();
  JournalRecord record = done_record(job.sample_at(0, 1), 1);
  record.latents = Latents{2, 1, 2, {1, 2, 3, 4}};
  JournalWriter(journal_path(folder.path(), kName, 0, 0)).append(record);
  for (int attempt = 0; attempt < 2; ++attempt) {  // the second copies the first one's
    job.write(folder.path(), 0, written_as("jpeg:60"));
    remove_journals(folder.path(), kName);
    write_index(folder.path());
    EXPECT_EQ(Dataset(folder.path()).latents(1), record.latents);
  }
}

// As --retry-failed does.
TEST(BucketWriter, CopiesPicturesOfTheOldFileByteForByte) {
  for (const char* text : kEncodedFormats) {
    const TemporaryFolder folder;
    const Job job = job_of_four();
    journal_some(job, folder.path());
    job.write(folder.path(), 0, written_as(text));
    remove_journals(folder.path(), kName);
    const auto before = Hdf5Api(shard_of(folder)).encoded(kEncoded);
    write_index(folder.path());
    const DatasetRow row_before = Dataset(folder.path()).row(3);
    JournalWriter(journal_path(folder.path(), kName, 0, 2)).append(done_record(job.sample_at(0, 1), 1));
    EXPECT_EQ(job.write(folder.path(), 0, written_as(text)), (StatusCounts{1, 3, 0}));
    const auto after = Hdf5Api(shard_of(folder)).encoded(kEncoded);
    EXPECT_EQ(after[0], before[0]);
    EXPECT_EQ(after[3], before[3]);
    EXPECT_EQ(after[1], ImageFormat::parse(text).encode(done_record(job.sample_at(0, 1), 1).image));
    write_index(folder.path());
    const DatasetRow row = Dataset(folder.path()).row(3);
    EXPECT_EQ(row.sha256, row_before.sha256);
    EXPECT_EQ(row.encoded_sha256, row_before.encoded_sha256);
  }
}

TEST(BucketWriter, DoesNotHideDamageByCopyingIt) {
  const TemporaryFolder folder;
  const Job job = job_of_four();
  journal_some(job, folder.path());
  job.write(folder.path(), 0, written_as("jpeg:60"));
  remove_journals(folder.path(), kName);
  write_index(folder.path());
  const std::string recorded = Dataset(folder.path()).row(0).encoded_sha256;
  testing::DamagedFile(shard_of(folder)).set_bytes(kEncoded, 0, "hello");
  job.write(folder.path(), 0, written_as("jpeg:60"));
  EXPECT_EQ(Hdf5Api(shard_of(folder)).encoded(kEncoded)[0], "hello");
  write_index(folder.path(), {0});
  const Dataset dataset(folder.path());
  EXPECT_EQ(dataset.row(0).encoded_sha256, recorded);
  EXPECT_THAT(error_of<EnvironmentError>([&] { dataset.pixels(0); }),
              AllOf(HasSubstr("picture 0 of "), HasSubstr("16x24-000000.h5\" is not a readable JPEG")));
}

TEST(BucketWriter, RefusesPicturesOfAnotherFormatOrSize) {
  const TemporaryFolder folder;
  const Job job = job_of_four();
  journal_some(job, folder.path());
  job.write(folder.path(), 0, written_as("png"));
  EXPECT_THAT(error_of<ConfigError>([&] { job.write(folder.path(), 0, written_as("jpeg:90")); }),
              AllOf(HasSubstr("holds pictures as png, this job writes jpeg:90"),
                    HasSubstr("give --image-format as before")));
  std::filesystem::remove(shard_of(folder));
  JournalRecord other_size = done_record(job.sample_at(0, 2), 2);
  other_size.image = Image(8, 8);
  JournalWriter(journal_path(folder.path(), kName, 0, 2)).append(other_size);
  EXPECT_THAT(error_of<EnvironmentError>([&] { job.write(folder.path(), 0, written_as("png")); }),
              HasSubstr("a picture of the bucket 16x24 has 8x8 pixels"));
}

}  // namespace
}  // namespace ditmesh

#include <hdf5.h>

#include "damage.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/export.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "hdf5_api.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Hdf5Api;
using testing::Job;
using testing::TemporaryFolder;

namespace fs = std::filesystem;

// Rows of two buckets, the second taller; latents everywhere.
Job some_job() {
  Manifest manifest = manifest_from_prompts({"a", "b", "c", "une forêt", "e"});
  manifest.rows[1].height = manifest.rows[3].height = 32;
  manifest.further_columns = {"style"};
  manifest.rows[3].further = {"oil"};
  return {manifest, testing::small_pictures(), {2, 1}};
}

void write(const Job& job, const fs::path& output, const ImageFormat& format = {}) {
  WriteShardOptions options;
  options.format = format;
  for (size_t shard = 0; shard < job.plan.shards.size(); ++shard) {
    const auto number = static_cast<int64_t>(shard);
    {
      JournalWriter writer(journal_path(output, job.plan.shards[shard].name, 0, 0));
      for (int64_t i = 0; i < job.plan.shards[shard].size(); ++i) {
        JournalRecord record = testing::done_record(job.sample_at(number, i), i);
        record.latents = Latents{1, 1, 2, {static_cast<float>(record.row), 0.5F}};
        writer.append(record);
      }
    }
    job.write(output, number, options);
    remove_journals(output, job.plan.shards[shard].name);
  }
  write_index(output);
}

class Hdf5Exports : public ::testing::Test {
 protected:
  Hdf5Exports() { settings_.format = ExportFormat::hdf5; }

  const TemporaryFolder folder_;
  const fs::path data_ = folder_.path() / "data";
  const fs::path to_ = folder_.path() / "all/in one.h5";
  ExportSettings settings_;
};

TEST_F(Hdf5Exports, HoldEverythingInOneFile) {
  write(some_job(), data_);
  EXPECT_EQ(export_dataset(data_, to_, settings_).num_written, 5);
  const Dataset dataset(data_);
  fs::rename(data_, folder_.path() / "gone");
  const Hdf5Api file(to_);
  EXPECT_THAT(file.texts("samples/prompt"), ElementsAre("a", "b", "c", "une forêt", "e"));
  EXPECT_THAT(file.texts("samples/style"), ElementsAre("", "", "", "oil", ""));
  EXPECT_THAT(file.numbers<int64_t>("samples/index_in_bucket", H5T_NATIVE_INT64), ElementsAre(0, 0, 1, 1, 2));
  EXPECT_THAT(file.numbers<int64_t>("samples/index_in_shard", H5T_NATIVE_INT64), ElementsAre(0, 0, 1, 1, 0));
  EXPECT_THAT(file.numbers<int64_t>("16x24/row", H5T_NATIVE_INT64), ElementsAre(0, 2, 4));
  EXPECT_THAT(file.numbers<int64_t>("32x24/row", H5T_NATIVE_INT64), ElementsAre(1, 3));
  EXPECT_THAT(file.numbers<float>("16x24/latents", H5T_NATIVE_FLOAT), ElementsAre(0, 0.5, 2, 0.5, 4, 0.5));
  std::string pixels;
  for (const int64_t row : {0, 2, 4}) {
    const Image image = testing::picture_of(16, 24, dataset.row(row).sample.seed);
    pixels.append(image.pixels.begin(), image.pixels.end());
  }
  const auto found = file.numbers<uint8_t>("16x24/images", H5T_NATIVE_UINT8);
  EXPECT_EQ(std::string(found.begin(), found.end()), pixels);
  EXPECT_EQ(file.attribute("/", "content_hash"), dataset.content_hash()) << "the same samples and pixels";
  EXPECT_EQ(file.number_attribute("/", "format_version"), 1);
  EXPECT_EQ(file.attribute("/", "image_format"), "raw");
  EXPECT_EQ(file.number_attribute("/32x24", "height"), 32);
  EXPECT_THAT(file.attribute("/16x24", "pixels_are_in"), HasSubstr("/16x24/images[INDEX]"));
  EXPECT_THAT(file.attribute("/samples/shard", "units"), HasSubstr("exported dataset"));
  EXPECT_EQ(file.fixed_attribute("/preview", "CLASS"), "IMAGE");
  EXPECT_FALSE(file.exists("by_shard"));
  EXPECT_EQ(Json::parse(file.attribute("/", "export"))["source"]["content_hash"], dataset.content_hash());
}

TEST_F(Hdf5Exports, HoldTheRowsThatMeetConditions) {
  write(some_job(), data_);
  settings_.where = {{"bucket", "32x24"}};
  EXPECT_EQ(export_dataset(data_, to_, settings_).num_written, 2);
  const Hdf5Api file(to_);
  EXPECT_THAT(file.texts("samples/prompt"), ElementsAre("b", "une forêt"));
  EXPECT_THAT(file.numbers<int64_t>("samples/row", H5T_NATIVE_INT64), ElementsAre(1, 3));
  EXPECT_FALSE(file.exists("16x24"));
  EXPECT_NE(file.attribute("/", "content_hash"), Dataset(data_).content_hash());
}

TEST_F(Hdf5Exports, KeepTheBytesOfEncodedPictures) {
  write(some_job(), data_, ImageFormat::parse("jpeg:60"));
  export_dataset(data_, to_, settings_);
  const Hdf5Api file(to_);
  const auto encoded = file.encoded("32x24/encoded");
  ASSERT_EQ(encoded.size(), 2U);
  EXPECT_EQ(sha256_hex(encoded[1]), Dataset(data_).row(3).encoded_sha256);
  EXPECT_EQ(file.attribute("/32x24/encoded", "media_type"), "image/jpeg");
}

TEST_F(Hdf5Exports, AreTheSameBytesEveryTime) {
  write(some_job(), data_);
  settings_.splits = Splits::parse("a=0.5,b=0.5");
  export_dataset(data_, folder_.path() / "one", settings_);
  export_dataset(data_, folder_.path() / "two", settings_);
  size_t num_samples = 0;
  for (const char* name : {"a.h5", "b.h5"}) {
    EXPECT_EQ(read_file(folder_.path() / "one" / name), read_file(folder_.path() / "two" / name));
    num_samples += Hdf5Api(folder_.path() / "one" / name).texts("samples/id").size();
  }
  EXPECT_EQ(num_samples, 5U);
}

TEST_F(Hdf5Exports, TellMissingSamplesByTheirStatus) {
  write(some_job(), data_);
  fs::remove(data_ / "shards/32x24-000000.h5");
  settings_.is_verified = false;
  EXPECT_EQ(export_dataset(data_, to_, settings_),
            (PieceResult{3, 2, "sample '1' copy 0 in the shard 32x24-000000"}));
  const Hdf5Api file(to_);
  EXPECT_THAT(file.numbers<uint8_t>("samples/status", H5T_STD_U8LE), ElementsAre(1, 0, 1, 0, 1));
  EXPECT_THAT(file.numbers<int64_t>("samples/index_in_bucket", H5T_NATIVE_INT64), ElementsAre(0, 0, 1, 1, 2));
}

TEST_F(Hdf5Exports, AreFinishedOrNotThere) {
  write(some_job(), data_);
  testing::DamagedFile(data_ / "shards/16x24-000001.h5").flip_pixel("16x24/images", 7);
  EXPECT_THAT(error_of<EnvironmentError>([&] { export_dataset(data_, to_, settings_); }),
              HasSubstr("sample '4' copy 0 in the shard 16x24-000001: the pixels have the SHA-256"));
  EXPECT_TRUE(fs::is_empty(to_.parent_path()));
  testing::DamagedFile(data_ / "shards/16x24-000001.h5").flip_pixel("16x24/images", 7);
  export_dataset(data_, to_, settings_);
  const std::string bytes = read_file(to_);
  EXPECT_EQ(export_dataset(data_, to_, settings_).num_written, 5) << "complete already";
  EXPECT_EQ(read_file(to_), bytes);
  settings_.where = {{"row", "1"}};
  EXPECT_THAT(error_of<ConfigError>([&] { export_dataset(data_, to_, settings_); }),
              AllOf(HasSubstr("other settings"), HasSubstr("--where was not given, is [\"row=1\"] now")));
  folder_.write("notes.h5", "mine");
  EXPECT_THAT(error_of<ConfigError>([&] { export_dataset(data_, folder_.path() / "notes.h5", settings_); }),
              HasSubstr("is there already, and no export of ours"));
  EXPECT_THAT(error_of<ConfigError>([&] { export_dataset(data_, folder_.path(), settings_); }),
              HasSubstr("is a folder"));
}

}  // namespace
}  // namespace ditmesh

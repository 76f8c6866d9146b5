#include "ditmesh/dataset/index.hpp"

#include <hdf5.h>

#include "ditmesh/base/file.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Job;
using testing::picture_of;
using testing::TemporaryFolder;

// Two sizes in turns, two copies, shards of two: 6 samples a bucket, 3 shards each.
Job mixed_job() {
  Manifest manifest = manifest_from_prompts({"a", "b", "c", "d", "e", "f"});
  for (size_t i = 0; i < manifest.rows.size(); i += 2) manifest.rows[i].height = 8;
  SamplingDefaults defaults = testing::small_pictures();
  defaults.images_per_prompt = 2;
  return {manifest, defaults, {2, 1}};
}

TEST(ContentHash, IsThatOfJsonLines) {
  ContentHash hash;
  hash.add("0", 0, std::string(64, 'a'));
  hash.add("forêt \"x\"", 1, "");
  // printf '["0",0,"aa…aa"]\n["forêt \\"x\\"",1,""]\n' | sha256sum
  EXPECT_EQ(hash.hex_digest(), "3388805f5e66005cd378180a5cd1be6ac862c56d9a9956e359efc9cb88c2d4df");
}

TEST(Index, HoldsColumnsInManifestOrder) {
  const TemporaryFolder folder;
  const IndexResult result = mixed_job().write_all(folder.path());
  EXPECT_EQ(result.counts, (StatusCounts{0, 12, 0}));
  EXPECT_EQ(result.num_shards, 6);
  const Dataset dataset(folder.path());
  ASSERT_EQ(dataset.size(), 12);
  EXPECT_EQ(dataset.content_hash(), result.content_hash);
  for (int64_t i = 0; i < 12; ++i) {
    const DatasetRow& row = dataset.row(i);
    EXPECT_EQ(row.sample.row, i / 2);
    EXPECT_EQ(row.sample.copy, i % 2);
    EXPECT_EQ(row.bucket, i / 2 % 2 == 0 ? "8x24" : "16x24");
    EXPECT_EQ(row.index_in_bucket, i / 4 * 2 + i % 2);
    EXPECT_EQ(row.index_in_shard, i % 2);
    EXPECT_EQ(row.shard, cat(row.bucket, "-00000", i / 4));
    EXPECT_EQ(dataset.pixels(i), picture_of(row.sample.height, row.sample.width, row.sample.seed));
  }
}

// Literal by Python: hashlib over pictures made by the formula of picture_of().
TEST(Index, HasTheContentHashThatThePixelsGive) {
  const TemporaryFolder folder;
  Manifest manifest = manifest_from_prompts({"a", "b"});
  manifest.rows[0].seed = 1;
  manifest.rows[1].seed = 2;
  manifest.rows[1].id = "forêt";
  const Job job(manifest, testing::small_pictures(), {});
  EXPECT_EQ(job.write_all(folder.path()).content_hash,
            "c2e2ffa020d3ade0700dbec1196fea9c3afc64795418b8f37d8322a2c21c2370");
}

TEST(Index, ContentHashDoesNotDependOnShardsOrOnHowOftenItIsMade) {
  const TemporaryFolder one_shard_each;
  const TemporaryFolder many_shards;
  const Job job = mixed_job();
  Job other = mixed_job();
  other.plan = make_plan(other.samples.samples, {5, 3});
  const std::string hash = job.write_all(many_shards.path()).content_hash;
  EXPECT_EQ(other.write_all(one_shard_each.path()).content_hash, hash);
  const std::string bytes = read_file(many_shards.path() / "dataset.h5");
  std::filesystem::remove(many_shards.path() / "dataset.h5");
  EXPECT_EQ(write_index(many_shards.path()).content_hash, hash);
  EXPECT_EQ(read_file(many_shards.path() / "dataset.h5").size(), bytes.size());
}

class OpenedIndex {
 public:
  explicit OpenedIndex(const std::filesystem::path& output)
      : file_(H5Fopen((output / "dataset.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {}
  ~OpenedIndex() { H5Fclose(file_); }
  OpenedIndex(const OpenedIndex&) = delete;
  OpenedIndex& operator=(const OpenedIndex&) = delete;

  std::vector<uint8_t> bytes(const char* name) const {
    const hid_t dataset = H5Dopen2(file_, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    std::vector<uint8_t> values(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
    EXPECT_GE(H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
    H5Sclose(space);
    H5Dclose(dataset);
    return values;
  }
  bool exists(const char* name) const { return H5Lexists(file_, name, H5P_DEFAULT) > 0; }
  std::string fixed_attribute(const char* object, const char* name) const {
    const hid_t attribute = H5Aopen_by_name(file_, object, name, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Aget_type(attribute);
    EXPECT_EQ(H5Tis_variable_str(type), 0) << "viewers know only texts of fixed length here";
    std::string value(H5Tget_size(type), '\0');
    H5Aread(attribute, type, value.data());
    H5Tclose(type);
    H5Aclose(attribute);
    return value.c_str();
  }

 private:
  hid_t file_;
};

// From another working directory, as a reader would: the paths are relative to the index.
TEST(Index, LeadsToThePixelsByLinksAndVirtualDatasets) {
  const TemporaryFolder folder;
  const Job job = mixed_job();
  job.write_all(folder.path());
  const OpenedIndex index(folder.path());
  const auto all = index.bytes("/16x24/images");
  const auto third_shard = index.bytes("/by_shard/16x24-000002/16x24/images");
  const size_t image_bytes = 16 * 24 * 3;
  ASSERT_EQ(all.size(), 6 * image_bytes);
  ASSERT_EQ(third_shard.size(), 2 * image_bytes);
  EXPECT_TRUE(std::equal(third_shard.begin(), third_shard.end(), all.begin() + 4 * image_bytes));
  const Image last = picture_of(16, 24, job.sample_at(5, 1).seed);
  EXPECT_TRUE(std::equal(last.pixels.begin(), last.pixels.end(), all.begin() + 5 * image_bytes));
}

TEST(Index, HasNoVirtualDatasetsOverManyShards) {
  const TemporaryFolder folder;
  IndexOptions options;
  options.max_virtual_shards = 2;
  mixed_job().write_all(folder.path(), options);
  const OpenedIndex index(folder.path());
  EXPECT_FALSE(index.exists("/16x24/images"));
  EXPECT_TRUE(index.exists("/16x24/row"));
  EXPECT_EQ(Dataset(folder.path()).pixels(11).height, 16) << "our reader does not need them";
}

TEST(Index, ShowsAPreviewThatViewersKnowAsAPicture) {
  const TemporaryFolder folder;
  mixed_job().write_all(folder.path());
  const OpenedIndex index(folder.path());
  EXPECT_EQ(index.fixed_attribute("/preview", "CLASS"), "IMAGE");
  EXPECT_EQ(index.fixed_attribute("/preview", "IMAGE_VERSION"), "1.2");
  EXPECT_EQ(index.fixed_attribute("/preview", "IMAGE_SUBCLASS"), "IMAGE_TRUECOLOR");
  EXPECT_EQ(index.fixed_attribute("/preview", "INTERLACE_MODE"), "INTERLACE_PIXEL");
  EXPECT_GT(index.bytes("/preview").size(), 100'000U);
  IndexOptions options;
  options.preview_pictures = 0;
  write_index(folder.path(), options);
  EXPECT_FALSE(OpenedIndex(folder.path()).exists("/preview"));
}

TEST(Index, KeepsColumnsThatOnlySomeShardsHave) {
  const TemporaryFolder folder;
  Manifest manifest = manifest_from_prompts({"a", "b", "c"});
  manifest.rows[2].seed = 4294967296U;
  const Job job(manifest, testing::small_pictures(), {1, 1});
  job.write_all(folder.path());
  const Dataset dataset(folder.path());
  EXPECT_FALSE(dataset.row(0).sample.seed_in_manifest.has_value());
  EXPECT_EQ(dataset.row(2).sample.seed_in_manifest, 4294967296U);
  EXPECT_TRUE(dataset.further_columns().empty());
}

TEST(Index, IsMadeOfTheShardsThatAreThere) {
  const TemporaryFolder folder;
  const Job job = mixed_job();
  job.write_all(folder.path());
  std::filesystem::remove(folder.path() / "shards/16x24-000000.h5");
  EXPECT_EQ(write_index(folder.path()).counts, (StatusCounts{0, 10, 0}));
  const Dataset dataset(folder.path());
  EXPECT_EQ(dataset.pixels(9), picture_of(16, 24, dataset.row(9).sample.seed));
}

TEST(Index, RefusesFoldersThatItCannotIndex) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of<ConfigError>([&] { write_index(folder.path()); }),
              AllOf(HasSubstr("holds no shards"), HasSubstr("is not there"), HasSubstr("ditmesh generate")));
  mixed_job().write_all(folder.path());
  const auto shards = folder.path() / "shards";
  std::filesystem::copy(shards / "16x24-000000.h5", shards / "16x24-000009.h5");
  EXPECT_THAT(error_of<ConfigError>([&] { write_index(folder.path()); }),
              AllOf(HasSubstr("row 1 copy 0 stands in"), HasSubstr("16x24-000009.h5"),
                    HasSubstr("remove those of one")));
  std::filesystem::resize_file(shards / "16x24-000009.h5", 3000);
  EXPECT_THAT(
      error_of<EnvironmentError>([&] { write_index(folder.path()); }),
      AllOf(HasSubstr("16x24-000009.h5"), HasSubstr("(3000 bytes) is damaged"), HasSubstr("truncated")));
}

}  // namespace
}  // namespace ditmesh

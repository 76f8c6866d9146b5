#include "ditmesh/dataset/index.hpp"

#include <hdf5.h>

#include <array>

#include "damage.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/hash.hpp"
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
  other.plan = make_plan(other.samples, {5, 3});
  const std::string hash = job.write_all(many_shards.path()).content_hash;
  EXPECT_EQ(other.write_all(one_shard_each.path()).content_hash, hash);
  const std::string bytes = read_file(many_shards.path() / "dataset.h5");
  std::filesystem::remove(many_shards.path() / "dataset.h5");
  EXPECT_EQ(write_index(many_shards.path()).content_hash, hash);
  EXPECT_EQ(read_file(many_shards.path() / "dataset.h5").size(), bytes.size());
}

// From another working directory, as a reader would: the paths are relative to the index.
TEST(Index, LeadsToThePixelsByLinksAndVirtualDatasets) {
  const TemporaryFolder folder;
  const Job job = mixed_job();
  job.write_all(folder.path());
  const Hdf5Api index(folder.path() / "dataset.h5");
  const auto all = index.numbers<uint8_t>("/16x24/images", H5T_NATIVE_UINT8);
  const auto third_shard = index.numbers<uint8_t>("/by_shard/16x24-000002/16x24/images", H5T_NATIVE_UINT8);
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
  const Hdf5Api index(folder.path() / "dataset.h5");
  EXPECT_FALSE(index.exists("/16x24/images"));
  EXPECT_TRUE(index.exists("/16x24/row"));
  EXPECT_EQ(Dataset(folder.path()).pixels(11).height, 16) << "our reader does not need them";
}

TEST(Index, LeadsToEncodedPicturesByLinksAndVirtualDatasets) {
  for (const char* text : testing::kEncodedFormats) {
    const TemporaryFolder folder;
    const Job job = mixed_job();
    const ImageFormat format = ImageFormat::parse(text);
    job.write_all(folder.path(), {}, format);
    const auto path = folder.path() / "dataset.h5";
    const auto all = Hdf5Api(path).encoded("/16x24/encoded");
    const auto third_shard = Hdf5Api(path).encoded("/by_shard/16x24-000002/16x24/encoded");
    ASSERT_EQ(all.size(), 6U);
    ASSERT_EQ(third_shard.size(), 2U);
    EXPECT_EQ(all[4], third_shard[0]);
    EXPECT_EQ(all[5], format.encode(picture_of(16, 24, job.sample_at(5, 1).seed)));
    EXPECT_EQ(Hdf5Api(path).attribute("/", "image_format"), text);
    EXPECT_EQ(Hdf5Api(path).attribute("/16x24/encoded", "media_type"), format.media_type());
    EXPECT_EQ(Hdf5Api(path).attribute("/16x24/encoded", "axes"), "sample");
    EXPECT_THAT(Hdf5Api(path).attribute("/16x24", "pixels_are_in"),
                ::testing::StartsWith("/by_shard/SHARD/16x24/encoded[INDEX], "));
    EXPECT_TRUE(Hdf5Api(path).exists("/preview"));
    EXPECT_FALSE(Hdf5Api(path).exists("/16x24/images"));
    EXPECT_EQ(Dataset(folder.path()).row(11).encoded_sha256, sha256_hex(all[5]));
    write_index(folder.path(), {.preview_pictures = 0, .max_virtual_shards = 2});
    EXPECT_FALSE(Hdf5Api(path).exists("/16x24/encoded")) << "there are too many shards";
  }
}

TEST(Index, RefusesShardsOfSeveralFormats) {
  const TemporaryFolder folder;
  const Job job = mixed_job();
  job.write_all(folder.path(), {}, ImageFormat::parse("png"));
  std::filesystem::remove(folder.path() / "shards/8x24-000001.h5");
  job.write(folder.path(), 1);
  EXPECT_THAT(error_of<ConfigError>([&] { write_index(folder.path()); }),
              AllOf(HasSubstr("16x24-000000.h5\" holds pictures as png, "),
                    HasSubstr("8x24-000001.h5\" as raw"), HasSubstr("remove those of one")));
}

TEST(Index, ShowsAPreviewThatViewersKnowAsAPicture) {
  const TemporaryFolder folder;
  mixed_job().write_all(folder.path());
  const Hdf5Api index(folder.path() / "dataset.h5");
  EXPECT_EQ(index.fixed_attribute("/preview", "CLASS"), "IMAGE");
  EXPECT_EQ(index.fixed_attribute("/preview", "IMAGE_VERSION"), "1.2");
  EXPECT_EQ(index.fixed_attribute("/preview", "IMAGE_SUBCLASS"), "IMAGE_TRUECOLOR");
  EXPECT_EQ(index.fixed_attribute("/preview", "INTERLACE_MODE"), "INTERLACE_PIXEL");
  EXPECT_GT(index.numbers<uint8_t>("/preview", H5T_NATIVE_UINT8).size(), 100'000U);
  IndexOptions options;
  options.preview_pictures = 0;
  write_index(folder.path(), options);
  EXPECT_FALSE(Hdf5Api(folder.path() / "dataset.h5").exists("/preview"));
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

// What a reader in another language does: /samples, then the pixels through the link of the sample's shard.
TEST(Index, IsReadWithPlainHdf5Calls) {
  const TemporaryFolder folder;
  const Job job = mixed_job();
  job.journal_all(folder.path(), 0);
  for (int64_t shard = 0; shard < 6; ++shard) {
    if (shard == 3) {
      JournalWriter(journal_path(folder.path(), job.plan.shards[3].name, 0, 1))
          .append(testing::failed_record(job.sample_at(3, 1), 1, "too hot"));
    } else if (shard > 0) {
      job.journal_all(folder.path(), shard);
    }
    job.write(folder.path(), shard);
  }
  write_index(folder.path());

  const Hdf5Api index(folder.path() / "dataset.h5");
  // An enum is read by its own type; reading it as a number is an error in HDF5.
  const hid_t status = H5Dopen2(index.file(), "/samples/status", H5P_DEFAULT);
  const hid_t status_type = H5Dget_type(status);
  ASSERT_EQ(H5Tget_class(status_type), H5T_ENUM);
  char name[16] = {};
  const uint8_t done = 1;
  EXPECT_GE(H5Tenum_nameof(status_type, &done, name, sizeof name), 0);
  EXPECT_STREQ(name, "done");
  const auto statuses = index.numbers<uint8_t>("/samples/status", status_type);
  H5Tclose(status_type);
  H5Dclose(status);
  const auto rows = index.numbers<int64_t>("/samples/row", H5T_NATIVE_INT64);
  const auto copies = index.numbers<int32_t>("/samples/copy", H5T_NATIVE_INT32);
  const auto seeds = index.numbers<int64_t>("/samples/seed", H5T_NATIVE_INT64);
  const auto positions = index.numbers<int64_t>("/samples/index_in_shard", H5T_NATIVE_INT64);
  const hid_t shard_type = H5Tcopy(H5T_C_S1);
  H5Tset_size(shard_type, 33);
  const auto shards = index.numbers<std::array<char, 33>>("/samples/shard", shard_type);
  H5Tclose(shard_type);
  ASSERT_EQ(statuses.size(), 12U);
  for (int64_t i = 0; i < 12; ++i) {
    const auto at = static_cast<size_t>(i);
    const Sample sample = job.samples.sample(i);
    EXPECT_EQ(rows[at], i / 2);
    EXPECT_EQ(copies[at], i % 2);
    EXPECT_EQ(seeds[at], sample.seed);
    const bool is_in_third = std::string(shards[at].data()) == job.plan.shards[3].name;
    EXPECT_EQ(statuses[at], !is_in_third ? 1 : positions[at] == 1 ? 2 : 0);
    if (statuses[at] != 1) continue;
    const auto images = index.numbers<uint8_t>(
        cat("/by_shard/", shards[at].data(), "/", sample.height, "x", sample.width, "/images"),
        H5T_NATIVE_UINT8);
    const Image image = picture_of(sample.height, sample.width, sample.seed);
    EXPECT_TRUE(std::equal(image.pixels.begin(), image.pixels.end(),
                           images.begin() + positions[at] * static_cast<int64_t>(image.size_bytes())));
  }
}

TEST(Index, IsMadeOfTheShardsThatAreThere) {
  const TemporaryFolder folder;
  const Job job = mixed_job();
  job.write_all(folder.path());
  std::filesystem::remove(folder.path() / "shards/16x24-000000.h5");
  EXPECT_EQ(write_index(folder.path()).counts, (StatusCounts{0, 10, 0}));
  const Dataset dataset(folder.path());
  ASSERT_EQ(dataset.size(), 10);
  EXPECT_EQ(dataset.pixels(9), picture_of(16, 24, dataset.row(9).sample.seed));
  const Hdf5Api index(folder.path() / "dataset.h5");
  EXPECT_FALSE(index.exists("/16x24/images")) << "the absent shard's samples would be black";
  EXPECT_THAT(index.numbers<int64_t>("/16x24/row", H5T_NATIVE_INT64), ElementsAre(-1, -1, 3, 3, 5, 5));
  EXPECT_FALSE(index.exists("/by_shard/16x24-000000"));
  EXPECT_TRUE(index.exists("/8x24/images"));
}

TEST(Index, IsTheSameFromShardsThatRanksScanned) {
  const TemporaryFolder folder;
  const std::string hash = mixed_job().write_all(folder.path()).content_hash;
  const std::string bytes = read_file(folder.path() / "dataset.h5");
  for (const int num_ranks : {1, 2, 3, 8}) {
    std::vector<ScannedShard> all;
    for (int rank = num_ranks - 1; rank >= 0; --rank) {
      const auto share = scan_shards(folder.path(), rank, num_ranks);
      const auto received = unpack_shards(pack_shards(share));
      EXPECT_EQ(received, share);
      all.insert(all.end(), received.begin(), received.end());
    }
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(write_index_of(folder.path(), all).content_hash, hash);
    EXPECT_EQ(read_file(folder.path() / "dataset.h5").size(), bytes.size());
  }
}

TEST(Index, RefusesBytesThatAreNoScannedShards) {
  const TemporaryFolder folder;
  mixed_job().write_all(folder.path());
  const std::string bytes = pack_shards(scan_shards(folder.path(), 0, 6));
  for (size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_THAT(error_of<InternalError>([&] { unpack_shards(std::string_view(bytes).substr(0, size)); }),
                HasSubstr("are no scanned shards"));
  }
}

// 70,000 rows of two sizes in turns are two blocks, and parts of each shard are in both.
TEST(Index, IsMadeBlockAfterBlock) {
  const TemporaryFolder folder;
  constexpr int64_t kNumRows = 70'000;
  Manifest manifest = manifest_from_prompts(std::vector<std::string>(kNumRows, "p"));
  for (size_t i = 0; i < manifest.rows.size(); i += 2) manifest.rows[i].height = 8;
  const Job job(manifest, testing::small_pictures(), {30'000, 1});
  ASSERT_EQ(job.plan.shards.size(), 4U);
  for (int64_t shard = 0; shard < 4; ++shard) job.write(folder.path(), shard);  // every sample is missing
  EXPECT_EQ(write_index(folder.path()).counts, (StatusCounts{kNumRows, 0, 0}));
  const Dataset dataset(folder.path());
  ASSERT_EQ(dataset.size(), kNumRows);
  for (const int64_t i : {0, 1, 59'999, 60'000, 60'001, 65'535, 65'536, 65'537, 69'999}) {
    EXPECT_EQ(dataset.row(i).sample, job.samples.sample(i));
    EXPECT_EQ(dataset.row(i).index_in_bucket, i / 2);
    EXPECT_EQ(dataset.row(i).shard, cat(i % 2 == 0 ? "8x24" : "16x24", "-00000", i / 60'000));
    EXPECT_EQ(dataset.row(i).index_in_shard, i / 2 % 30'000);
  }
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
  {
    const testing::DamagedFile file(shards / "16x24-000009.h5");
    file.remove("/samples/seed");
  }
  EXPECT_THAT(error_of<EnvironmentError>([&] { write_index(folder.path()); }),
              AllOf(HasSubstr("16x24-000009.h5\" has no column seed"), HasSubstr("make its samples again")));
  std::filesystem::resize_file(shards / "16x24-000009.h5", 3000);
  EXPECT_THAT(
      error_of<EnvironmentError>([&] { write_index(folder.path()); }),
      AllOf(HasSubstr("16x24-000009.h5"), HasSubstr("(3000 bytes) is damaged"), HasSubstr("truncated")));
}

}  // namespace
}  // namespace ditmesh

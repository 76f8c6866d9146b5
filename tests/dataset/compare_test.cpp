#include "ditmesh/dataset/compare.hpp"

#include <cmath>

#include "ditmesh/dataset/png.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::done_record;
using ::testing::ElementsAre;
using testing::error_of;
using testing::failed_record;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Job;
using testing::picture_of;
using testing::TemporaryFolder;

TEST(PixelDifference, IsMaximumAndPsnr) {
  const Image a(2, 5, 100);
  EXPECT_EQ(pixel_difference(a, a).max_abs, 0);
  EXPECT_TRUE(std::isinf(pixel_difference(a, a).psnr_db));
  Image b = a;
  b.pixels[3] = 110;
  b.pixels[7] = 80;
  // Mean squared error (100 + 400) / 30.
  EXPECT_EQ(pixel_difference(a, b).max_abs, 20);
  EXPECT_NEAR(pixel_difference(a, b).psnr_db, 10 * std::log10(65025.0 * 30 / 500), 1e-9);
  EXPECT_THAT(error_of<InternalError>([&] { pixel_difference(a, Image(5, 2)); }), HasSubstr("2x5 and 5x2"));
}

// Hashes of pixels before encoding are equal; what is compared is what the shards hold.
TEST(Compare, LooksAtPixelsWhereAFormatHasLosses) {
  const Job job(manifest_from_prompts({"a", "b"}), testing::small_pictures(), {});
  const auto write_as = [&](const TemporaryFolder& folder, const char* format) {
    job.write_all(folder.path(), {.preview_pictures = 0}, ImageFormat::parse(format));
    return Dataset(folder.path());
  };
  const TemporaryFolder raw_folder, png_folder, webp_folder, jpeg_folder, jpeg_again_folder, jpeg_low_folder;
  const Dataset raw = write_as(raw_folder, "raw");
  const Dataset png = write_as(png_folder, "png");
  const Dataset webp = write_as(webp_folder, "webp");
  const Dataset jpeg = write_as(jpeg_folder, "jpeg:90");
  const Dataset jpeg_again = write_as(jpeg_again_folder, "jpeg:90");
  const Dataset jpeg_low = write_as(jpeg_low_folder, "jpeg:30");
  for (const Dataset* other : {&png, &webp, &jpeg, &jpeg_low}) {
    EXPECT_EQ(other->content_hash(), raw.content_hash());
  }
  EXPECT_TRUE(compare_datasets(raw, png).identical());
  EXPECT_TRUE(compare_datasets(webp, png).identical());
  EXPECT_TRUE(compare_datasets(jpeg, jpeg_again).identical());
  for (const Dataset* other : {&raw, &jpeg_low}) {
    const Comparison comparison = compare_datasets(*other, jpeg);
    EXPECT_EQ(comparison.num_identical, 0);
    EXPECT_GT(comparison.max_abs, 0);
    EXPECT_EQ(comparison.worst.size(), 2U);
    EXPECT_FALSE(comparison.identical());
    EXPECT_TRUE(comparison.at_least(20));
  }
}

// Rows of 64 x 64; `change` is added to the first byte of each picture.
void write(const std::filesystem::path& output, const std::vector<std::string>& ids,
           const std::vector<int>& change) {
  Manifest manifest = manifest_from_prompts(ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    manifest.rows[i].id = ids[i];
    manifest.rows[i].seed = 7;
  }
  SamplingDefaults defaults;
  defaults.height = defaults.width = 64;
  const Job job(manifest, defaults, {});
  {
    JournalWriter writer(journal_path(output, job.plan.shards[0].name, 0, 0));
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto position = static_cast<int64_t>(i);
      JournalRecord record = done_record(job.sample_at(0, position), position);
      record.image.pixels[0] = static_cast<uint8_t>(record.image.pixels[0] + change[i]);
      if (change[i] < 0) record = failed_record(job.sample_at(0, position), position, "broken");
      writer.append(record);
    }
  }
  job.write(output, 0);
  write_index(output, {.preview_pictures = 0});
}

TEST(Compare, FindsTheSameDatasetIdentical) {
  const TemporaryFolder a;
  const TemporaryFolder b;
  write(a.path(), {"x", "y"}, {0, 0});
  write(b.path(), {"y", "x"}, {0, 0});
  const Dataset in_a(a.path());
  const Dataset in_b(b.path());
  const Comparison result = compare_datasets(in_a, in_b);
  EXPECT_TRUE(result.identical());
  EXPECT_TRUE(result.at_least(100));
  EXPECT_EQ(result.num_compared, 2);
  EXPECT_THAT(result.worst, IsEmpty());
  EXPECT_EQ(to_json(result)["psnr_median_db"], "identical");
  EXPECT_EQ(to_json(result)["psnr_min_db"], nullptr);
  EXPECT_EQ(to_text(result), "compared: 2 samples, 2 identical\n");
  EXPECT_THAT(error_of<ConfigError>([&] { worst_pairs_picture(in_a, in_b, result); }),
              HasSubstr("of 2 compared pairs none differs"));
}

TEST(Compare, MatchesByIdAndListsTheWorstFirst) {
  const TemporaryFolder a;
  const TemporaryFolder b;
  write(a.path(), {"same", "near", "far", "only a", "broken", "middle"}, {0, 0, 0, 0, 0, 0});
  write(b.path(), {"far", "near", "same", "broken", "middle", "only b"}, {90, 1, 0, -1, 20, 0});
  const Dataset in_a(a.path());
  const Dataset in_b(b.path());
  const Comparison result = compare_datasets(in_a, in_b, 2);
  EXPECT_EQ(result.num_compared, 4);
  EXPECT_EQ(result.num_identical, 1);
  EXPECT_EQ(result.num_not_done_in_both, 1);
  EXPECT_THAT(result.only_in_a, ElementsAre("only a #0"));
  EXPECT_THAT(result.only_in_b, ElementsAre("only b #0"));
  EXPECT_EQ(result.max_abs, 90);
  EXPECT_FALSE(result.identical());
  EXPECT_FALSE(result.at_least(1)) << "not everything was compared";
  const auto psnr = [](double change) { return 10 * std::log10(65025.0 * 64 * 64 * 3 / (change * change)); };
  EXPECT_NEAR(result.psnr_min_db.value(), psnr(90), 1e-9);
  EXPECT_NEAR(result.psnr_median_db.value(), (psnr(20) + psnr(1)) / 2, 1e-9);
  ASSERT_EQ(result.worst.size(), 2U);
  EXPECT_EQ(result.worst[0].id, "far");
  EXPECT_EQ(result.worst[1].id, "middle");
  const OrderedJson json = to_json(result);
  EXPECT_EQ(json["worst"][0]["id"], "far");
  EXPECT_EQ(json["worst"][0]["max_abs_difference"], 90);
  EXPECT_THAT(to_text(result), HasSubstr("only in A: 1 (only a #0)"));
  EXPECT_THAT(to_text(result), HasSubstr("max difference: 90 of 255"));
  const Image picture = worst_pairs_picture(in_a, in_b, result);
  EXPECT_EQ(picture.width, 2 * 24 + 3 * 256 + 2 * 20);
  if (const char* folder = std::getenv("DITMESH_TEST_KEEP")) {
    write_png(std::filesystem::path(folder) / "worst.png", picture);
  }
}

}  // namespace
}  // namespace ditmesh

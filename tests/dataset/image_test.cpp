#include "ditmesh/dataset/image.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

// A grey picture of one row.
Image row_of(const std::vector<uint8_t>& greys) {
  Image image(1, static_cast<int32_t>(greys.size()));
  for (size_t x = 0; x < greys.size(); ++x) std::fill_n(image.at(0, static_cast<int32_t>(x)), 3, greys[x]);
  return image;
}

struct ShrinkCase {
  std::vector<uint8_t> before;
  std::vector<uint8_t> after;
};

class Shrinking : public ::testing::TestWithParam<ShrinkCase> {};

TEST_P(Shrinking, AveragesAreas) {
  const auto& [before, after] = GetParam();
  EXPECT_EQ(shrink(row_of(before), 1, static_cast<int32_t>(after.size())), row_of(after));
}

INSTANTIATE_TEST_SUITE_P(Table, Shrinking,
                         ::testing::Values(ShrinkCase{{10, 20}, {10, 20}}, ShrinkCase{{10, 20}, {15}},
                                           ShrinkCase{{255, 255, 255}, {255, 255}},
                                           ShrinkCase{{0, 30, 60}, {10, 50}},
                                           ShrinkCase{{0, 100, 200, 40}, {50, 120}},
                                           ShrinkCase{{10, 20, 30, 40, 50}, {14, 30, 46}}));

TEST(Shrinking, WorksInBothDirections) {
  const Image image = testing::picture_of(64, 32, 3);
  const Image small = shrink(image, 4, 2);
  int sum = 0;
  for (int32_t y = 0; y < 16; ++y) {
    for (int32_t x = 0; x < 16; ++x) sum += *image.at(y, x);
  }
  EXPECT_NEAR(*small.at(0, 0), sum / 256.0, 1);
  EXPECT_THAT(error_of<InternalError>([&] { shrink(image, 65, 32); }),
              HasSubstr("64x32 cannot shrink to 65x32"));
}

TEST(Paste, PutsAPictureOnAnother) {
  Image canvas(3, 4, 9);
  paste(canvas, row_of({1, 2}), 1, 2);
  EXPECT_EQ(*canvas.at(1, 1), 9);
  EXPECT_EQ(*canvas.at(1, 3), 2);
  EXPECT_EQ(*canvas.at(2, 3), 9);
  EXPECT_THAT(error_of<InternalError>([&] {
                paste(canvas, row_of({1, 2}), 1, 3);
              }),
              HasSubstr("does not fit on 3x4"));
}

TEST(PixelHash, IsThatOfTheBytes) {
  EXPECT_EQ(pixel_sha256(row_of({0})), "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c");
}

}  // namespace
}  // namespace ditmesh

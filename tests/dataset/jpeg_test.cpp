#include "ditmesh/dataset/jpeg.hpp"

#include "ditmesh/dataset/compare.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::picture_of;

TEST(Jpeg, IsCloseToThePixels) {
  for (const auto& [height, width] : {std::pair(1, 1), {7, 13}, {64, 32}}) {
    const Image image = picture_of(height, width, 5);
    EXPECT_GT(pixel_difference(decode_jpeg(encode_jpeg(image, 95), "x"), image).psnr_db, 35);
  }
}

// Red lines of one pixel on blue: with colours of every second pixel they would be gone.
TEST(Jpeg, KeepsTheColoursOfThinLines) {
  Image image(32, 32);
  for (int32_t y = 0; y < 32; ++y) {
    for (int32_t x = 0; x < 32; ++x) image.at(y, x)[x % 2 == 0 ? 0 : 2] = 255;
  }
  const PixelDifference difference = pixel_difference(decode_jpeg(encode_jpeg(image, 100), "x"), image);
  EXPECT_LE(difference.max_abs, 4);
}

TEST(Jpeg, SaysInItsHeaderThatColoursAreWhole) {
  const std::string bytes = encode_jpeg(picture_of(16, 16, 1), 90);
  EXPECT_EQ(bytes.substr(0, 3), "\xff\xd8\xff");
  const size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos) << "baseline, which every program reads";
  for (const size_t component : {0, 1, 2}) EXPECT_EQ(bytes[frame + 11 + 3 * component], 0x11);
}

TEST(Jpeg, RefusesWhatIsNone) {
  const std::string bytes = encode_jpeg(picture_of(64, 64, 1), 90);
  EXPECT_THAT(error_of<ConfigError>([] { decode_jpeg("hello", "a.jpg"); }),
              HasSubstr("a.jpg is not a readable JPEG: Not a JPEG file"));
  EXPECT_THAT(error_of<ConfigError>([&] { decode_jpeg(bytes.substr(0, bytes.size() - 40), "b.jpg"); }),
              HasSubstr("b.jpg is not a readable JPEG: Premature end"))
      << "the rest would be grey";
  EXPECT_THAT(error_of<InternalError>([] { encode_jpeg(Image(0, 0), 90); }),
              HasSubstr("libjpeg cannot encode a picture of 0x0"));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/webp.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::picture_of;
using ::testing::StartsWith;

TEST(Webp, IsALosslessFile) {
  const std::string bytes = encode_webp(picture_of(16, 24, 2));
  EXPECT_THAT(bytes, StartsWith("RIFF"));
  EXPECT_EQ(bytes.substr(8, 8), "WEBPVP8L");
}

TEST(Webp, HoldsTheLargestSide) {
  const Image image = picture_of(1, kMaxWebpSide, 2);
  EXPECT_EQ(decode_webp(encode_webp(image), "x"), image);
  EXPECT_THAT(error_of<InternalError>([] { encode_webp(Image(1, kMaxWebpSide + 1)); }),
              HasSubstr("libwebp cannot encode a picture of 1x16384"));
}

TEST(Webp, RefusesWhatIsNone) {
  const std::string bytes = encode_webp(picture_of(16, 16, 1));
  EXPECT_THAT(error_of<ConfigError>([] { decode_webp("hello", "a.webp"); }),
              HasSubstr("a.webp is not a readable WebP: its header is damaged"));
  EXPECT_THAT(error_of<ConfigError>([&] { decode_webp(bytes.substr(0, bytes.size() / 2), "b.webp"); }),
              HasSubstr("b.webp is not a readable WebP: its pixels are damaged or cut"));
}

}  // namespace
}  // namespace ditmesh

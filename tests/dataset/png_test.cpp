#include "ditmesh/dataset/png.hpp"

#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::picture_of;
using testing::TemporaryFolder;

TEST(Png, GivesThePixelsBack) {
  for (const auto& [height, width] : {std::pair(1, 1), {7, 13}, {64, 32}}) {
    const Image image = picture_of(height, width, 5);
    EXPECT_EQ(decode_png(encode_png(image), "x"), image);
  }
}

TEST(Png, CarriesTexts) {
  const std::string bytes =
      encode_png(picture_of(4, 4, 1), {{"Title", "une forêt"}, {"Software", "ditmesh"}});
  EXPECT_THAT(bytes, HasSubstr(std::string("iTXtTitle\0\0\0\0\0une forêt", 14 + 10)));
  EXPECT_THAT(bytes, HasSubstr("ditmesh"));
  EXPECT_EQ(bytes, encode_png(picture_of(4, 4, 1), {{"Title", "une forêt"}, {"Software", "ditmesh"}}));
}

TEST(Png, IsWrittenWhole) {
  const TemporaryFolder folder;
  write_png(folder.path() / "a.png", picture_of(4, 4, 1));
  EXPECT_EQ(decode_png(read_file(folder.path() / "a.png"), "a.png"), picture_of(4, 4, 1));
  EXPECT_THAT(error_of<EnvironmentError>([&] { write_png(folder.path() / "no/a.png", picture_of(4, 4, 1)); }),
              HasSubstr("cannot create"));
}

TEST(Png, RefusesWhatIsNone) {
  const std::string bytes = encode_png(picture_of(16, 16, 1));
  EXPECT_THAT(error_of<ConfigError>([] { decode_png("hello", "a.png"); }),
              HasSubstr("a.png is not a readable PNG"));
  EXPECT_THAT(error_of<ConfigError>([&] { decode_png(bytes.substr(0, 80), "b.png"); }), HasSubstr("b.png"));
  EXPECT_THAT(error_of<InternalError>([] { encode_png(Image(0, 0)); }),
              HasSubstr("cannot encode a picture of 0x0"));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/image_format.hpp"

#include <random>

#include "ditmesh/dataset/compare.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;
using testing::picture_of;

const ImageFormat kRaw;
const ImageFormat kPng = {ImageKind::png, 0};
const ImageFormat kWebp = {ImageKind::webp, 0};
constexpr ImageFormat jpeg(int quality) { return {ImageKind::jpeg, quality}; }

ImageSize size_of(const Image& image) { return {image.height, image.width}; }

// Every pixel another one: nothing can be predicted.
Image noise_of(int32_t height, int32_t width) {
  Image image(height, width);
  std::mt19937 random(7);
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random());
  return image;
}

TEST(ImageFormat, IsReadFromTheOption) {
  const struct {
    const char* text;
    ImageFormat format;
    const char* media_type;
    bool is_lossless;
  } kCases[] = {{"raw", kRaw, "", true},
                {"png", kPng, "image/png", true},
                {"webp", kWebp, "image/webp", true},
                {"jpeg:1", jpeg(1), "image/jpeg", false},
                {"jpeg:90", jpeg(90), "image/jpeg", false},
                {"jpeg:100", jpeg(100), "image/jpeg", false}};
  for (const auto& [text, format, media_type, is_lossless] : kCases) {
    EXPECT_EQ(ImageFormat::parse(text), format);
    EXPECT_EQ(format.to_string(), text);
    EXPECT_EQ(format.media_type(), media_type);
    EXPECT_EQ(format.is_lossless(), is_lossless);
    EXPECT_EQ(format.is_raw(), format == kRaw);
  }
  EXPECT_EQ(ImageFormat::parse("jpeg:090").to_string(), "jpeg:90") << "one text for one format, in job.json";
}

TEST(ImageFormat, RefusesOtherTexts) {
  const struct {
    const char* text;
    const char* remedy;
  } kCases[] = {{"", "give for example png"},
                {"gif", "give for example png"},
                {"PNG", "found 'PNG' (did you mean 'png'?): give for example png"},
                {"wepb", "found 'wepb' (did you mean 'webp'?): give for example png"},
                {"jpg", "give for example jpeg:90"},
                {"jpg:90", "give for example jpeg:90"},
                {"JPEG:90", "give for example jpeg:90"},
                {"jpeg", "give for example jpeg:90"},
                {"jpeg:", "give for example jpeg:90"},
                {"jpeg:0", "give for example jpeg:90"},
                {"jpeg:101", "give for example jpeg:90"},
                {"jpeg:-5", "give for example jpeg:90"},
                {"jpeg:9.5", "give for example jpeg:90"},
                {"jpeg:90:1", "give for example jpeg:90"},
                {"webp:80", "webp keeps every pixel and has no quality: give webp alone"},
                {"raw:", "raw keeps every pixel and has no quality: give raw alone"}};
  for (const auto& [text, remedy] : kCases) {
    EXPECT_THAT(
        error_of<ConfigError>([&] { ImageFormat::parse(text); }),
        AllOf(HasSubstr(cat(
                  "--image-format must be raw, png, webp or jpeg:Q with a quality Q from 1 to 100, found '",
                  text, "'")),
              HasSubstr(remedy)));
  }
}

TEST(ImageFormat, KnowsWhatDoesNotFit) {
  kWebp.check_size(16383, 16);
  EXPECT_THAT(
      error_of<ConfigError>([] { kWebp.check_size(16, 16384); }),
      AllOf(HasSubstr("at most 16383 pixels a side, here are some of 16x16384"), HasSubstr("use png")));
  for (const ImageFormat& format : {kRaw, kPng, jpeg(90)}) format.check_size(16384, 16384);
}

TEST(ImageFormat, GivesThePixelsBack) {
  for (const ImageFormat& format : {kPng, kWebp}) {
    for (const Image& image : {picture_of(1, 1, 3), picture_of(7, 13, 4), picture_of(64, 32, 5),
                               Image(16, 24, 200), noise_of(33, 65)}) {
      const std::string bytes = format.encode(image);
      EXPECT_EQ(format.decode(bytes, "x", size_of(image)), image) << format;
      EXPECT_EQ(format.encode(image), bytes) << format << ": the same pixels, the same bytes";
    }
  }
}

TEST(ImageFormat, OfAPictureWithLossesIsCloserWithMoreQuality) {
  const Image image = picture_of(64, 96, 5);
  double last_psnr = 0;
  size_t last_size = 0;
  for (const int quality : {10, 50, 90, 100}) {
    const std::string bytes = jpeg(quality).encode(image);
    EXPECT_EQ(jpeg(quality).encode(image), bytes) << "the same pixels, the same bytes";
    const Image decoded = jpeg(quality).decode(bytes, "x", size_of(image));
    EXPECT_EQ(jpeg(1).decode(bytes, "x", size_of(image)), decoded) << "the quality is in the bytes";
    const double psnr = pixel_difference(image, decoded).psnr_db;
    EXPECT_GT(psnr, last_psnr);
    EXPECT_GT(bytes.size(), last_size);
    last_psnr = psnr;
    last_size = bytes.size();
  }
  EXPECT_GT(last_psnr, 45);
}

TEST(ImageFormat, TakesNoMoreThanPixelsEvenForNoise) {
  const Image image = noise_of(256, 256);
  for (const ImageFormat& format : {kPng, kWebp, jpeg(100)}) {
    EXPECT_LT(static_cast<double>(format.encode(image).size()),
              1.01 * static_cast<double>(image.size_bytes()))
        << format;
  }
}

TEST(ImageFormat, RefusesDamagedBytes) {
  const Image image = picture_of(64, 64, 1);
  for (const ImageFormat& format : {kPng, kWebp, jpeg(90)}) {
    const std::string bytes = format.encode(image);
    const auto error = [&](const std::string& damaged) {
      return error_of<ConfigError>([&] { format.decode(damaged, "picture 3", size_of(image)); });
    };
    const auto is_told = AllOf(HasSubstr("picture 3 is not a readable "), HasSubstr(": write it again"));
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{4}, size_t{20}, bytes.size() / 4, bytes.size() / 2}) {
      EXPECT_THAT(error(bytes.substr(0, size)), is_told) << format << " cut after " << size;
    }
    EXPECT_THAT(error("hello, this is no picture at all"), is_told) << format;
    EXPECT_THAT(error(std::string(1000, '\0')), is_told) << format;
    EXPECT_THAT(error_of<ConfigError>([&] {
                  format.decode(bytes, "picture 3", {64, 32});
                }),
                HasSubstr("picture 3 is a picture of 64x64 where one of 64x32 should be"));
  }
}

// Whatever one wrong byte does, it is an error or a picture of the right size.
TEST(ImageFormat, SurvivesEveryWrongByte) {
  const Image image = noise_of(8, 8);
  for (const ImageFormat& format : {kPng, kWebp, jpeg(50)}) {
    const std::string bytes = format.encode(image);
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const int flip : {1, 0x80, 0xff}) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        try {
          EXPECT_EQ(size_of(format.decode(damaged, "x", size_of(image))), size_of(image));
        } catch (const ConfigError&) {
        }
      }
    }
  }
}

TEST(ImageFormat, OfRawPixelsHasNoBytes) {
  EXPECT_THAT(error_of<InternalError>([] { kRaw.encode(Image(1, 1)); }), HasSubstr("not encoded"));
  EXPECT_THAT(error_of<InternalError>([] { kRaw.decode("", "x", {1, 1}); }), HasSubstr("not decoded"));
}

}  // namespace
}  // namespace ditmesh

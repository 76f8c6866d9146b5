#include "ditmesh/dataset/webp.hpp"

#include <webp/decode.h>
#include <webp/encode.h>

#include <memory>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// 0 to 9.
constexpr int kEffort = 2;

constexpr const char* kRemedy = "write it again";

}  // namespace

std::string encode_webp(const Image& image) {
  WebPConfig config;
  WebPPicture picture;
  if (WebPConfigInit(&config) == 0 || WebPPictureInit(&picture) == 0) {
    throw EnvironmentError("the libwebp that is loaded is of another version than the one built with",
                           "build ditmesh on this machine");
  }
  if (WebPConfigLosslessPreset(&config, kEffort) == 0) throw InternalError("libwebp refuses an effort");
  const std::unique_ptr<WebPPicture, decltype(&WebPPictureFree)> owner(&picture, WebPPictureFree);
  picture.use_argb = 1;  // as YUV it would lose colours
  picture.width = image.width;
  picture.height = image.height;
  std::string bytes;
  picture.custom_ptr = &bytes;
  picture.writer = [](const uint8_t* data, size_t size, const WebPPicture* to) {
    static_cast<std::string*>(to->custom_ptr)->append(reinterpret_cast<const char*>(data), size);
    return 1;
  };
  if (WebPPictureImportRGB(&picture, image.pixels.data(), image.width * 3) == 0 ||
      WebPEncode(&config, &picture) == 0) {
    const std::string what = cat("libwebp cannot encode a picture of ", image.height, "x", image.width);
    if (picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY)
      throw EnvironmentError(cat(what, ": memory is used up"), "use more memory");
    throw InternalError(cat(what, ": error ", static_cast<int>(picture.error_code)));
  }
  return bytes;
}

Image decode_webp(const std::string& bytes, const std::string& name, std::optional<ImageSize> size) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto fail = [&](std::string_view reason) {
    throw ConfigError(cat(name, " is not a readable WebP: ", reason), kRemedy);
  };
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) fail("its header is damaged");
  if (features.has_animation != 0) fail("it is an animation");
  const ImageSize found = {features.height, features.width};
  check_image_size(found, size, name);
  Image image(found.height, found.width);
  if (WebPDecodeRGBInto(data, bytes.size(), image.pixels.data(), image.pixels.size(), found.width * 3) ==
      nullptr)
    fail("its pixels are damaged or cut");
  return image;
}

}  // namespace ditmesh

#include "ditmesh/dataset/image_format.hpp"

#include <algorithm>
#include <ostream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/jpeg.hpp"
#include "ditmesh/dataset/png.hpp"
#include "ditmesh/dataset/webp.hpp"

namespace ditmesh {

namespace {

constexpr int kMaxQuality = 100;
constexpr std::string_view kExample = "jpeg:90";

struct KindName {
  ImageKind kind;
  std::string_view name;
  std::string_view media_type;
};

constexpr KindName kKinds[] = {{ImageKind::raw, "raw", ""},
                               {ImageKind::png, "png", "image/png"},
                               {ImageKind::webp, "webp", "image/webp"},
                               {ImageKind::jpeg, "jpeg", "image/jpeg"}};

const KindName& names_of(ImageKind kind) {
  for (const KindName& names : kKinds) {
    if (names.kind == kind) return names;
  }
  throw InternalError("an image format has no name");
}

[[noreturn]] void refuse(std::string_view text, const std::string& remedy) {
  const std::string name = to_lower_ascii(text.substr(0, text.find(':')));
  throw ConfigError(
      cat("--image-format must be raw, png, webp or jpeg:Q with a quality Q from 1 to 100, found '", text,
          "'", did_you_mean(name, {"png", "webp"})),
      remedy);
}

}  // namespace

ImageFormat ImageFormat::parse(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto* const names = std::find_if(std::begin(kKinds), std::end(kKinds),
                                         [&](const KindName& known) { return known.name == name; });
  if (names == std::end(kKinds)) {
    refuse(text, cat("give for example ", to_lower_ascii(name).starts_with("jp") ? kExample : "png"));
  }
  const bool has_quality = colon != std::string_view::npos;
  if (names->kind != ImageKind::jpeg) {
    if (has_quality) refuse(text, cat(name, " keeps every pixel and has no quality: give ", name, " alone"));
    return {names->kind, 0};
  }
  const auto quality = parse_int(has_quality ? text.substr(colon + 1) : "");
  if (!quality || *quality < 1 || *quality > kMaxQuality) refuse(text, cat("give for example ", kExample));
  return {names->kind, static_cast<int>(*quality)};
}

std::string ImageFormat::to_string() const {
  const std::string_view name = names_of(kind).name;
  return kind == ImageKind::jpeg ? cat(name, ":", quality) : std::string(name);
}

std::string_view ImageFormat::media_type() const { return names_of(kind).media_type; }

double ImageFormat::expected_share() const {
  switch (kind) {
    case ImageKind::raw:
      return 1;
    case ImageKind::png:
      return 0.7;
    case ImageKind::webp:
      return 0.6;
    case ImageKind::jpeg:
      return quality <= 90 ? 0.2 : quality <= 95 ? 0.3 : 0.6;
  }
  return 1;
}

void ImageFormat::check_size(int32_t height, int32_t width) const {
  if (kind != ImageKind::webp || std::max(height, width) <= kMaxWebpSide) return;
  throw ConfigError(cat("--image-format webp holds pictures of at most ", kMaxWebpSide,
                        " pixels a side, here are some of ", height, "x", width),
                    "use png");
}

std::string ImageFormat::encode(const Image& image) const {
  switch (kind) {
    case ImageKind::raw:
      break;
    case ImageKind::png:
      return encode_png(image);
    case ImageKind::webp:
      return encode_webp(image);
    case ImageKind::jpeg:
      return encode_jpeg(image, quality);
  }
  throw InternalError("raw pixels are not encoded");
}

Image ImageFormat::decode(const std::string& bytes, const std::string& name, ImageSize size) const {
  switch (kind) {
    case ImageKind::raw:
      break;
    case ImageKind::png:
      return decode_png(bytes, name, size);
    case ImageKind::webp:
      return decode_webp(bytes, name, size);
    case ImageKind::jpeg:
      return decode_jpeg(bytes, name, size);
  }
  throw InternalError("raw pixels are not decoded");
}

std::ostream& operator<<(std::ostream& out, const ImageFormat& format) { return out << format.to_string(); }

}  // namespace ditmesh

#pragma once
// How pictures stand in a shard: as pixels, or each as the bytes of a picture file.

#include <iosfwd>
#include <string>
#include <string_view>

#include "ditmesh/dataset/image.hpp"

namespace ditmesh {

enum class ImageKind { raw, png, webp, jpeg };

/// `--image-format raw|png|webp|jpeg:Q`. WebP is its lossless form, JPEG has the colours of every pixel
/// (4:4:4).
struct ImageFormat {
  ImageKind kind = ImageKind::raw;
  int quality = 0;  // of JPEG, 1 to 100

  /// "raw", "png", "webp", "jpeg:90". Throws ConfigError for anything else.
  static ImageFormat parse(std::string_view text);
  /// What parse() takes.
  std::string to_string() const;

  bool is_raw() const { return kind == ImageKind::raw; }
  bool is_lossless() const { return kind != ImageKind::jpeg; }
  /// "image/png" and the like; empty for raw.
  std::string_view media_type() const;

  /// Of the bytes of the pixels, what pictures may be expected to take: more than any of 26 photographs took
  /// (scikit-image's and scikit-learn's), much less than noise takes. 1 for raw.
  double expected_share() const;

  /// Throws ConfigError if the format cannot hold pictures of height × width.
  void check_size(int32_t height, int32_t width) const;

  /// A whole picture file; the same pixels give the same bytes, as long as the libraries' versions stay.
  /// Not for raw.
  std::string encode(const Image& image) const;

  /// The pixels of what encode() gave, whatever the quality. Throws ConfigError naming `name` if the bytes
  /// are damaged, or no picture of `size`: before memory is taken for another one. Not for raw.
  Image decode(const std::string& bytes, const std::string& name, ImageSize size) const;

  bool operator==(const ImageFormat&) const = default;
};

std::ostream& operator<<(std::ostream& out, const ImageFormat& format);

}  // namespace ditmesh

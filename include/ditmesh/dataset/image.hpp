#pragma once
// Pictures and latents in memory, and how to make pictures smaller.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ditmesh {

/// Pixels uint8 [height, width, 3], rows from the top, sRGB.
struct Image {
  int32_t height = 0;
  int32_t width = 0;
  std::vector<uint8_t> pixels;

  Image() = default;
  /// A picture of one colour.
  Image(int32_t height_px, int32_t width_px, uint8_t grey = 0);

  size_t size_bytes() const { return static_cast<size_t>(height) * static_cast<size_t>(width) * 3; }
  const uint8_t* at(int32_t y, int32_t x) const { return pixels.data() + offset(y, x); }
  uint8_t* at(int32_t y, int32_t x) { return pixels.data() + offset(y, x); }

  bool operator==(const Image&) const = default;

 private:
  size_t offset(int32_t y, int32_t x) const {
    return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3;
  }
};

/// In pixels.
struct ImageSize {
  int32_t height = 0;
  int32_t width = 0;

  bool operator==(const ImageSize&) const = default;
};

/// For decoders, before they take memory. Throws ConfigError if `wanted` is given and another size than
/// `found`.
void check_image_size(ImageSize found, std::optional<ImageSize> wanted, const std::string& name);

/// float32 [channels, height, width].
struct Latents {
  int32_t channels = 0;
  int32_t height = 0;
  int32_t width = 0;
  std::vector<float> values;

  bool operator==(const Latents&) const = default;
};

/// SHA-256 of the pixels, row after row, as 64 hexadecimal digits.
std::string pixel_sha256(const Image& image);

/// The picture at height × width, each new pixel the mean of the area that it
/// covers. For making smaller; 1 ≤ new size ≤ old size in both directions.
Image shrink(const Image& image, int32_t height, int32_t width);

/// `picture` with its top left corner at (y, x) of `canvas`; it must fit.
void paste(Image& canvas, const Image& picture, int32_t y, int32_t x);

}  // namespace ditmesh

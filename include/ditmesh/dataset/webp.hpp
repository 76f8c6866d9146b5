#pragma once
// Lossless WebP files from 8-bit RGB pictures, and back.

#include <optional>
#include <string>

#include "ditmesh/dataset/image.hpp"

namespace ditmesh {

/// Pixels a side that WebP can hold.
inline constexpr int32_t kMaxWebpSide = 16383;

/// The bytes of a lossless WebP file, the same pixels the same bytes.
std::string encode_webp(const Image& image);

/// Any still WebP as 8-bit RGB. Throws ConfigError naming `name`; with `size`, also for a picture of another
/// one.
Image decode_webp(const std::string& bytes, const std::string& name, std::optional<ImageSize> size = {});

}  // namespace ditmesh

#pragma once
// JPEG files from 8-bit RGB pictures, and back.

#include <optional>
#include <string>

#include "ditmesh/dataset/image.hpp"

namespace ditmesh {

/// The bytes of a baseline JPEG file, quality 1 to 100; the same pixels the same bytes. Colours are kept for
/// every pixel (4:4:4): halved, as is usual, they would run at the edges of text and thin lines.
std::string encode_jpeg(const Image& image, int quality);

/// A JPEG of colours or greys as 8-bit RGB. Throws ConfigError naming `name`, also for a file that is cut;
/// with `size`, also for a picture of another one.
Image decode_jpeg(const std::string& bytes, const std::string& name, std::optional<ImageSize> size = {});

}  // namespace ditmesh

#pragma once
// PNG files from 8-bit RGB pictures, and back.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ditmesh/dataset/image.hpp"

namespace ditmesh {

/// Keyword (1–79 characters of Latin-1, as PNG asks) and UTF-8 text.
using PngText = std::pair<std::string, std::string>;

/// The bytes of a PNG file; each text becomes an iTXt chunk, the same input the
/// same bytes.
std::string encode_png(const Image& image, const std::vector<PngText>& texts = {});

/// Atomically. Throws EnvironmentError.
void write_png(const std::filesystem::path& path, const Image& image, const std::vector<PngText>& texts = {});

/// Any PNG as 8-bit RGB. Throws ConfigError naming `name`; with `size`, also for a picture of another one.
Image decode_png(const std::string& bytes, const std::string& name, std::optional<ImageSize> size = {});

}  // namespace ditmesh

#include "ditmesh/dataset/image.hpp"

#include <algorithm>
#include <cmath>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// What one new pixel takes of the old ones along one axis.
struct Cover {
  int32_t first = 0;
  std::vector<float> weights;  // sum to 1
};

// Example, 3 → 2: each new pixel covers 1.5 old ones, weights {2/3, 1/3} and {1/3, 2/3}.
std::vector<Cover> covers(int32_t old_size, int32_t new_size) {
  std::vector<Cover> all(static_cast<size_t>(new_size));
  const double scale = static_cast<double>(old_size) / new_size;
  for (int32_t i = 0; i < new_size; ++i) {
    const double begin = i * scale;
    const double end = std::min<double>(old_size, begin + scale);
    Cover& cover = all[static_cast<size_t>(i)];
    cover.first = static_cast<int32_t>(begin);
    for (int32_t j = cover.first; j < old_size && j < end; ++j) {
      const double share = std::min<double>(end, j + 1) - std::max<double>(begin, j);
      cover.weights.push_back(static_cast<float>(share / scale));
    }
  }
  return all;
}

}  // namespace

Image::Image(int32_t height_px, int32_t width_px, uint8_t grey) : height(height_px), width(width_px) {
  pixels.assign(size_bytes(), grey);
}

void check_image_size(ImageSize found, std::optional<ImageSize> wanted, const std::string& name) {
  if (!wanted || found == *wanted) return;
  throw ConfigError(cat(name, " is a picture of ", found.height, "x", found.width, " where one of ",
                        wanted->height, "x", wanted->width, " should be"),
                    "write it again");
}

std::string pixel_sha256(const Image& image) { return sha256_hex(image.pixels.data(), image.pixels.size()); }

Image shrink(const Image& image, int32_t height, int32_t width) {
  if (height < 1 || width < 1 || height > image.height || width > image.width) {
    throw InternalError(
        cat("a picture of ", image.height, "x", image.width, " cannot shrink to ", height, "x", width));
  }
  Image small(height, width);
  const std::vector<Cover> columns = covers(image.width, width);
  const std::vector<Cover> rows = covers(image.height, height);
  std::vector<float> sums(static_cast<size_t>(width) * 3);
  for (int32_t y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0.5F);  // rounds to nearest
    const Cover& row = rows[static_cast<size_t>(y)];
    for (size_t dy = 0; dy < row.weights.size(); ++dy) {
      for (int32_t x = 0; x < width; ++x) {
        const Cover& column = columns[static_cast<size_t>(x)];
        const uint8_t* from = image.at(row.first + static_cast<int32_t>(dy), column.first);
        for (size_t dx = 0; dx < column.weights.size(); ++dx) {
          const float weight = row.weights[dy] * column.weights[dx];
          for (size_t c = 0; c < 3; ++c) sums[static_cast<size_t>(x) * 3 + c] += weight * from[dx * 3 + c];
        }
      }
    }
    std::transform(sums.begin(), sums.end(), small.at(y, 0),
                   [](float sum) { return static_cast<uint8_t>(std::min(sum, 255.0F)); });
  }
  return small;
}

void paste(Image& canvas, const Image& picture, int32_t y, int32_t x) {
  if (y < 0 || x < 0 || y + picture.height > canvas.height || x + picture.width > canvas.width) {
    throw InternalError(cat("a picture of ", picture.height, "x", picture.width, " at (", y, ", ", x,
                            ") does not fit on ", canvas.height, "x", canvas.width));
  }
  for (int32_t row = 0; row < picture.height; ++row) {
    std::copy_n(picture.at(row, 0), static_cast<size_t>(picture.width) * 3, canvas.at(y + row, x));
  }
}

}  // namespace ditmesh

#pragma once
// Draws pictures of shapes for tests, as models/shapes/train/scenes.py does.

#include <algorithm>
#include <cmath>
#include <vector>

#include "ditmesh/score/look.hpp"
#include "ditmesh/score/shape.hpp"

namespace ditmesh {

class Drawing {
 public:
  Drawing(int32_t height, int32_t width, Rgb ground, float along_x = 0, float along_y = 0)
      : height_(height), width_(width), values_(static_cast<size_t>(height) * static_cast<size_t>(width)) {
    for (int32_t y = 0; y < height; ++y) {
      for (int32_t x = 0; x < width; ++x) {
        const float shift = along_x * ((static_cast<float>(x) + 0.5F) / static_cast<float>(width) - 0.5F) +
                            along_y * ((static_cast<float>(y) + 0.5F) / static_cast<float>(height) - 0.5F);
        for (size_t c = 0; c < 3; ++c) at(y, x).at(c) = std::clamp(ground.at(c) + 255 * shift, 0.0F, 255.0F);
      }
    }
  }
  explicit Drawing(Colour ground) : Drawing(256, 256, rgb_of(ground)) {}

  Drawing& add(Shape shape, const Rgb& colour, float x, float y, float radius) {
    for (int32_t v = 0; v < height_; ++v) {
      for (int32_t u = 0; u < width_; ++u) {
        const float d = signed_distance(shape, static_cast<float>(u) + 0.5F - x,
                                        static_cast<float>(v) + 0.5F - y, radius);
        const float cover = std::clamp(0.5F - d, 0.0F, 1.0F);
        for (size_t c = 0; c < 3; ++c) at(v, u).at(c) += cover * (colour.at(c) - at(v, u).at(c));
      }
    }
    return *this;
  }
  Drawing& add(Shape shape, Colour colour, float x, float y, float radius) {
    return add(shape, rgb_of(colour), x, y, radius);
  }

  /// The mean of the `side` × `side` pixels around each; outside is as the border.
  Drawing blurred(int32_t side) const {
    Drawing result = *this;
    for (int32_t y = 0; y < height_; ++y) {
      for (int32_t x = 0; x < width_; ++x) result.at(y, x) = mean(y - side / 2, x - side / 2, side);
    }
    return result;
  }

  /// Blocks of `side` × `side` pixels in their mean colour.
  Drawing mosaic(int32_t side) const {
    Drawing result = *this;
    for (int32_t y = 0; y < height_; ++y) {
      for (int32_t x = 0; x < width_; ++x) result.at(y, x) = mean(y / side * side, x / side * side, side);
    }
    return result;
  }

  const std::vector<uint8_t>& pixels() {
    pixels_.clear();
    for (const Rgb& value : values_) {
      for (const float channel : value) pixels_.push_back(static_cast<uint8_t>(std::lround(channel)));
    }
    return pixels_;
  }
  PictureView view() { return {height_, width_, pixels()}; }

 private:
  Rgb& at(int32_t y, int32_t x) {
    return values_.at(static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x));
  }
  Rgb mean(int32_t top, int32_t left, int32_t side) const {
    Rgb sum{};
    for (int32_t y = top; y < top + side; ++y) {
      for (int32_t x = left; x < left + side; ++x) {
        const auto row = static_cast<size_t>(std::clamp(y, 0, height_ - 1));
        const auto column = static_cast<size_t>(std::clamp(x, 0, width_ - 1));
        const Rgb& value = values_.at(row * static_cast<size_t>(width_) + column);
        for (size_t c = 0; c < 3; ++c) sum.at(c) += value.at(c) / static_cast<float>(side * side);
      }
    }
    return sum;
  }

  int32_t height_;
  int32_t width_;
  std::vector<Rgb> values_;
  std::vector<uint8_t> pixels_;
};

}  // namespace ditmesh

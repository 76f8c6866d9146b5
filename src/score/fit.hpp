#pragma once
// Which shape covers a mask best.

#include <cstdint>
#include <vector>

#include "ditmesh/score/vocabulary.hpp"

namespace ditmesh {

/// A part of a picture, 1 where an object is. Everywhere else there is none.
class Mask {
 public:
  /// Rows from `top`, columns from `left` of the picture.
  Mask(int32_t top, int32_t left, int32_t height, int32_t width);

  void set(int32_t y, int32_t x) { bits_[index(y, x)] = 1; }
  bool at(int32_t y, int32_t x) const {
    return y >= top && y < top + height && x >= left && x < left + width && bits_[index(y, x)] != 0;
  }

  const int32_t top;
  const int32_t left;
  const int32_t height;
  const int32_t width;

 private:
  size_t index(int32_t y, int32_t x) const {
    return static_cast<size_t>(y - top) * static_cast<size_t>(width) + static_cast<size_t>(x - left);
  }
  std::vector<uint8_t> bits_;
};

/// A shape put somewhere, in pixels of the picture.
struct PlacedShape {
  Shape shape = Shape::circle;
  double x = 0;
  double y = 0;
  double radius = 0;
};

struct ShapeFit {
  PlacedShape placed;
  double overlap = 0;  // intersection over union
};

/// The best of all seven shapes: each as area and centre of mass of the mask place it, the two best then
/// moved and scaled by fractions of a pixel.
ShapeFit fit_shape(const Mask& mask);

}  // namespace ditmesh

#pragma once
// The background of a picture: one colour with a gradient.

#include <vector>

#include "ditmesh/score/look.hpp"

namespace ditmesh {

/// The number of the nearest colour of the palette, for every pixel.
std::vector<uint8_t> nearest_colours(const PictureView& picture);

/// Which pixels are the middle of a square of 2 · `reach` + 1 pixels, inside the picture, that all have the
/// label of this one.
std::vector<uint8_t> inner_pixels(const std::vector<uint8_t>& labels, int32_t height, int32_t width,
                                  int32_t reach);

/// A colour that changes linearly over the picture.
class Ground {
 public:
  /// Fits it to the pixels of the colour that most pixels along the picture's border have.
  Ground(const PictureView& picture, const std::vector<uint8_t>& labels);

  Colour colour() const { return colour_; }
  Rgb at(int32_t y, int32_t x) const;
  /// How far the colours at corners, sides and middle are from the palette's colour made lighter or darker by
  /// as much as a gradient may, in levels of 0 … 255: the largest distance.
  double error() const;

 private:
  int32_t height_;
  int32_t width_;
  Colour colour_ = Colour::red;
  struct Plane {
    float mean = 0;
    float along_x = 0;  // per pixel
    float along_y = 0;
  };
  std::array<Plane, 3> planes_;
};

}  // namespace ditmesh

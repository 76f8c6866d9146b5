#pragma once
// What a picture shows: its background, and an object for every patch of another colour. It knows no caption.
//
// A pixel goes to the nearest colour of the palette; a patch of one colour that a square of 5×5 pixels fits
// into is an object, so seams of mixed colours along edges are none. Of each object the share of its colour
// in every pixel is computed (0 background, 1 object, between them along soft edges), and the shape that
// covers its inside best is looked for, in place and radius. At last the picture is compared with what was
// found, but for rims of 3 pixels along outlines, whose colours are mixed. Lengths in pixels suit pictures of
// about 256×256.

#include <cstdint>
#include <span>
#include <vector>

#include "ditmesh/score/vocabulary.hpp"

namespace ditmesh {

/// Pixels uint8 [height, width, 3], rows from the top, sRGB; owned by someone else.
struct PictureView {
  int32_t height = 0;
  int32_t width = 0;
  std::span<const uint8_t> pixels;

  Rgb at(int32_t y, int32_t x) const {
    const size_t i = (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3;
    return {static_cast<float>(pixels[i]), static_cast<float>(pixels[i + 1]),
            static_cast<float>(pixels[i + 2])};
  }
};

struct SeenObject {
  Colour colour = Colour::red;  // the nearest of the palette
  Shape shape = Shape::circle;  // the one that fits best
  double overlap = 0;           // of the shape and the object's pixels: intersection over union, 0 … 1
  double x = 0;                 // of the shape's centre, in pixels from the top left corner
  double y = 0;
  double radius = 0;  // pixels
  double area = 0;    // pixels
  /// Pixels, over which its colour goes over into the background's; about 1 where sharp.
  double edge_width = 0;
  double colour_error = 0;  // distance of its mean colour from the palette's, in levels of 0 … 255
  /// Pixels away from the outline that are not as the shape says, as a share of its area: dents, bumps, what
  /// another object covers.
  double misplaced = 0;
};

struct Seen {
  Colour background = Colour::red;
  double background_error = 0;      // how far its colours are from the palette's with a gradient, in levels
  std::vector<SeenObject> objects;  // the largest first
  /// Pixels away from outlines that are neither the background nor part of an object, as a share of the
  /// picture: spots, noise, colours of no palette.
  double strays = 0;
};

/// Throws InternalError unless there is a pixel, and as many as the size says.
Seen look_at(const PictureView& picture);

}  // namespace ditmesh

#pragma once
// The geometry of the seven shapes, as models/shapes/train/scenes.py draws them.

#include "ditmesh/score/vocabulary.hpp"

namespace ditmesh {

/// Signed distance in pixels, negative inside, of (x, y) from the outline of a shape with radius `r` around
/// 0; y grows downwards. Must equal scenes.py `distance`. Exact near straight and round outlines, a bound at
/// corners.
float signed_distance(Shape shape, float x, float y, float r);

/// What a shape of radius 1 measures.
struct ShapeMeasures {
  double area = 0;
  double perimeter = 0;         // outer and inner outlines
  double centre_of_mass_y = 0;  // x is 0: all are symmetric
};
const ShapeMeasures& measures_of(Shape shape);

}  // namespace ditmesh

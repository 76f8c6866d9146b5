#include "ditmesh/score/shape.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ditmesh {

namespace {

// Five mirrored sectors, in each one straight edge from the tip to the notch.
float star_distance(float x, float up, float r) {
  constexpr float kPi = std::numbers::pi_v<float>;
  constexpr float kTip = 1.15F;
  static const float notch_x = 0.5F * std::cos(kPi / 5);
  static const float notch_y = 0.5F * std::sin(kPi / 5);
  static const float norm = std::hypot(notch_y, kTip - notch_x);
  constexpr float kSector = 2 * kPi / 5;
  // x ≥ 0, so the angle is 0 … π; the nearest tip's direction is a multiple of the sector.
  const float angle = std::atan2(x, up);
  const float sector = angle - kSector * std::round(angle / kSector);
  const float length = std::sqrt(x * x + up * up);
  const float along = length * std::cos(sector);
  const float aside = length * std::abs(std::sin(sector));
  return ((along - kTip * r) * notch_y + aside * (kTip - notch_x)) / norm;
}

ShapeMeasures measure(Shape shape) {
  constexpr int kSteps = 520;  // a side, over −1.3 … 1.3
  constexpr float kStep = 2.6F / kSteps;
  constexpr float kBand = 0.02F;  // half the width of the band whose area gives the perimeter
  ShapeMeasures found;
  int64_t inside = 0;
  int64_t near = 0;
  double sum_y = 0;
  for (int i = 0; i < kSteps; ++i) {
    const float y = (static_cast<float>(i) + 0.5F) * kStep - 1.3F;
    for (int j = 0; j < kSteps; ++j) {
      const float x = (static_cast<float>(j) + 0.5F) * kStep - 1.3F;
      const float d = signed_distance(shape, x, y, 1);
      near += std::abs(d) < kBand ? 1 : 0;
      if (d > 0) continue;
      ++inside;
      sum_y += y;
    }
  }
  constexpr double kCell = double{kStep} * kStep;
  found.area = static_cast<double>(inside) * kCell;
  found.perimeter = static_cast<double>(near) * kCell / (2 * kBand);
  found.centre_of_mass_y = sum_y / static_cast<double>(inside);
  return found;
}

}  // namespace

float signed_distance(Shape shape, float x, float y, float r) {
  const float up = -y;
  x = std::abs(x);
  y = std::abs(y);
  switch (shape) {
    case Shape::circle:
      return std::sqrt(x * x + y * y) - r;
    case Shape::ring:
      return std::abs(std::sqrt(x * x + y * y) - 0.8F * r) - 0.24F * r;
    case Shape::square:
      return std::max(x, y) - 0.88F * r;
    case Shape::diamond: {
      constexpr float kTall = 1.12F;
      constexpr float kWide = 0.82F;
      static const float norm = std::hypot(kTall, kWide);
      return (x * kTall + y * kWide - kWide * kTall * r) / norm;
    }
    case Shape::cross: {
      const float thin = 0.34F * r;
      return std::min(std::max(x - r, y - thin), std::max(x - thin, y - r));
    }
    case Shape::triangle: {
      const float above_base = up + 0.2F * r;  // its centre of mass is a little below 0
      return std::max(-above_base - 0.38F * r, (x * 2 + above_base - 1.32F * r) / std::sqrt(5.0F));
    }
    case Shape::star:
      break;
  }
  return star_distance(x, up, r);
}

const ShapeMeasures& measures_of(Shape shape) {
  static const auto kMeasures = [] {
    std::array<ShapeMeasures, kShapes.size()> all;
    for (const Shape each : kShapes) all.at(static_cast<size_t>(each)) = measure(each);
    return all;
  }();
  return kMeasures.at(static_cast<size_t>(shape));
}

}  // namespace ditmesh

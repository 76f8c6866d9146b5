#include "fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ditmesh/score/shape.hpp"

namespace ditmesh {

namespace {

struct Moments {
  double area = 0;
  double x = 0;  // centre of mass, pixels
  double y = 0;
};

Moments moments_of(const Mask& mask) {
  Moments m;
  for (int32_t y = mask.top; y < mask.top + mask.height; ++y) {
    for (int32_t x = mask.left; x < mask.left + mask.width; ++x) {
      if (!mask.at(y, x)) continue;
      m.area += 1;
      m.x += x + 0.5;
      m.y += y + 0.5;
    }
  }
  m.x /= std::max(1.0, m.area);
  m.y /= std::max(1.0, m.area);
  return m;
}

// Every `stride`-th pixel of every `stride`-th row stands for its neighbours.
double overlap_of(const Mask& mask, const PlacedShape& placed, int32_t stride) {
  const auto reach = static_cast<int32_t>(std::ceil(1.2 * placed.radius)) + 1;
  const auto first = [&](int32_t from, double centre) {
    const int32_t low = std::min(from, static_cast<int32_t>(std::floor(centre)) - reach);
    return low - (low % stride + stride) % stride;
  };
  const int32_t bottom = std::max(mask.top + mask.height, static_cast<int32_t>(std::ceil(placed.y)) + reach);
  const int32_t right = std::max(mask.left + mask.width, static_cast<int32_t>(std::ceil(placed.x)) + reach);
  int64_t both = 0;
  int64_t either = 0;
  for (int32_t y = first(mask.top, placed.y); y < bottom; y += stride) {
    for (int32_t x = first(mask.left, placed.x); x < right; x += stride) {
      const bool in_mask = mask.at(y, x);
      const auto dx = static_cast<float>(x + 0.5 - placed.x);
      const auto dy = static_cast<float>(y + 0.5 - placed.y);
      const bool in_shape = signed_distance(placed.shape, dx, dy, static_cast<float>(placed.radius)) < 0;
      both += in_mask && in_shape ? 1 : 0;
      either += in_mask || in_shape ? 1 : 0;
    }
  }
  return static_cast<double>(both) / static_cast<double>(std::max<int64_t>(1, either));
}

void refine(const Mask& mask, ShapeFit& fit, int32_t stride) {
  fit.overlap = overlap_of(mask, fit.placed, stride);
  for (const double step : {1.0, 0.5, 0.25}) {  // pixels
    for (int sweep = 0; sweep < 3; ++sweep) {
      bool is_better = false;
      for (const auto field : {&PlacedShape::x, &PlacedShape::y, &PlacedShape::radius}) {
        for (const double move : {step, -step}) {
          ShapeFit tried = fit;
          tried.placed.*field += move;
          tried.overlap = overlap_of(mask, tried.placed, stride);
          if (tried.overlap <= fit.overlap) continue;
          fit = tried;
          is_better = true;
          break;
        }
      }
      if (!is_better) break;
    }
  }
}

}  // namespace

Mask::Mask(int32_t top_px, int32_t left_px, int32_t height_px, int32_t width_px)
    : top(top_px),
      left(left_px),
      height(height_px),
      width(width_px),
      bits_(static_cast<size_t>(height_px) * static_cast<size_t>(width_px), 0) {}

ShapeFit fit_shape(const Mask& mask) {
  // So many pixels tell enough: of larger masks every so many-th is looked at.
  constexpr double kWhileSearching = 1500;
  constexpr double kAtLast = 30000;
  const Moments moments = moments_of(mask);
  const auto stride_for = [&](double pixels) {
    return std::max(1, static_cast<int32_t>(std::sqrt(moments.area / pixels)));
  };
  const int32_t stride = stride_for(kWhileSearching);
  std::array<ShapeFit, kShapes.size()> fits;
  for (size_t i = 0; i < fits.size(); ++i) {
    const ShapeMeasures& measures = measures_of(kShapes.at(i));
    const double radius = std::sqrt(moments.area / measures.area);
    fits.at(i).placed = {kShapes.at(i), moments.x, moments.y - measures.centre_of_mass_y * radius, radius};
    fits.at(i).overlap = overlap_of(mask, fits.at(i).placed, stride);
  }
  const auto is_better = [](const ShapeFit& a, const ShapeFit& b) { return a.overlap > b.overlap; };
  std::partial_sort(fits.begin(), fits.begin() + 2, fits.end(), is_better);
  for (size_t i = 0; i < 2; ++i) {
    refine(mask, fits.at(i), stride);
    fits.at(i).overlap = overlap_of(mask, fits.at(i).placed, stride_for(kAtLast));
  }
  return is_better(fits[1], fits[0]) ? fits[1] : fits[0];
}

}  // namespace ditmesh

#include "ground.hpp"

#include <algorithm>
#include <cmath>

#include "pixel_index.hpp"

namespace ditmesh {

namespace {

uint8_t most_common_along_border(const std::vector<uint8_t>& labels, int32_t height, int32_t width) {
  std::array<int64_t, kColours.size()> counts{};
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; x += (y == 0 || y == height - 1) ? 1 : std::max(1, width - 1))
      ++counts.at(labels[pixel_index(y, x, width)]);
  }
  return static_cast<uint8_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

// Least squares of value = mean + a·x + b·y, with x and y from the picture's middle.
struct PlaneFit {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0, v = 0, vx = 0, vy = 0;

  void add(double at_x, double at_y, double value) {
    n += 1;
    x += at_x, y += at_y, v += value;
    xx += at_x * at_x, xy += at_x * at_y, yy += at_y * at_y;
    vx += value * at_x, vy += value * at_y;
  }

  // {mean, a, b}; level where the points do not tell a slope.
  std::array<double, 3> solve() const {
    if (n == 0) return {0, 0, 0};
    const double cxx = xx - x * x / n;
    const double cxy = xy - x * y / n;
    const double cyy = yy - y * y / n;
    const double cvx = vx - v * x / n;
    const double cvy = vy - v * y / n;
    const double determinant = cxx * cyy - cxy * cxy;
    if (determinant <= 1e-9 * (1 + cxx * cyy)) return {v / n, 0, 0};
    const double a = (cvx * cyy - cvy * cxy) / determinant;
    const double b = (cvy * cxx - cvx * cxy) / determinant;
    return {v / n - a * x / n - b * y / n, a, b};
  }
};

}  // namespace

std::vector<uint8_t> nearest_colours(const PictureView& picture) {
  std::array<Rgb, kColours.size()> palette;
  for (size_t i = 0; i < palette.size(); ++i) palette.at(i) = rgb_of(kColours.at(i));
  std::vector<uint8_t> labels(picture.pixels.size() / 3);
  for (size_t i = 0; i < labels.size(); ++i) {
    const Rgb pixel = {static_cast<float>(picture.pixels[3 * i]),
                       static_cast<float>(picture.pixels[3 * i + 1]),
                       static_cast<float>(picture.pixels[3 * i + 2])};
    float nearest = 1e9F;
    for (size_t c = 0; c < palette.size(); ++c) {
      const float distance = squared_distance(pixel, palette[c]);
      if (distance < nearest) {
        nearest = distance;
        labels[i] = static_cast<uint8_t>(c);
      }
    }
  }
  return labels;
}

std::vector<uint8_t> inner_pixels(const std::vector<uint8_t>& labels, int32_t height, int32_t width,
                                  int32_t reach) {
  // Along rows, then along columns: a square is a row of columns.
  std::vector<uint8_t> along(labels.size(), 0);
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = reach; x + reach < width; ++x) {
      const auto first = labels.begin() + static_cast<std::ptrdiff_t>(pixel_index(y, x - reach, width));
      const auto last = labels.begin() + static_cast<std::ptrdiff_t>(pixel_index(y, x + reach, width));
      along[pixel_index(y, x, width)] =
          std::all_of(first, last, [&](uint8_t label) { return label == *last; });
    }
  }
  std::vector<uint8_t> inner(labels.size(), 0);
  for (int32_t y = reach; y + reach < height; ++y) {
    for (int32_t x = reach; x + reach < width; ++x) {
      bool all = true;
      for (int32_t dy = -reach; dy <= reach && all; ++dy) {
        const size_t i = pixel_index(y + dy, x, width);
        all = along[i] != 0 && labels[i] == labels[pixel_index(y, x, width)];
      }
      inner[pixel_index(y, x, width)] = all;
    }
  }
  return inner;
}

Ground::Ground(const PictureView& picture, const std::vector<uint8_t>& labels)
    : height_(picture.height), width_(picture.width) {
  const uint8_t label = most_common_along_border(labels, height_, width_);
  colour_ = kColours.at(label);
  const auto inner = inner_pixels(labels, height_, width_, 1);
  for (size_t channel = 0; channel < 3; ++channel) {
    // Where colours are cut off at 0 or 255 they tell nothing of the slope.
    PlaneFit all;
    PlaneFit inside;
    for (int32_t y = 0; y < height_; ++y) {
      for (int32_t x = y % 2; x < width_; x += 2) {
        const size_t i = pixel_index(y, x, width_);
        if (labels[i] != label || inner[i] == 0) continue;
        const double value = picture.pixels[3 * i + channel];
        const double from_x = x + 0.5 - 0.5 * width_;
        const double from_y = y + 0.5 - 0.5 * height_;
        all.add(from_x, from_y, value);
        if (value > 2 && value < 253) inside.add(from_x, from_y, value);
      }
    }
    auto plane = (inside.n > 0.1 * all.n ? inside : all).solve();
    if (all.n == 0) plane = {rgb_of(colour_).at(channel), 0, 0};
    planes_.at(channel) = {static_cast<float>(plane[0]), static_cast<float>(plane[1]),
                           static_cast<float>(plane[2])};
  }
}

Rgb Ground::at(int32_t y, int32_t x) const {
  const float from_x = static_cast<float>(x) + 0.5F - 0.5F * static_cast<float>(width_);
  const float from_y = static_cast<float>(y) + 0.5F - 0.5F * static_cast<float>(height_);
  Rgb colour;
  for (size_t channel = 0; channel < 3; ++channel) {
    const Plane& plane = planes_.at(channel);
    colour.at(channel) =
        std::clamp(plane.mean + plane.along_x * from_x + plane.along_y * from_y, 0.0F, 255.0F);
  }
  return colour;
}

double Ground::error() const {
  double largest = 0;
  const Rgb palette = rgb_of(colour_);
  for (const int32_t y : {0, height_ / 2, height_ - 1}) {
    for (const int32_t x : {0, width_ / 2, width_ - 1}) {
      const Rgb here = at(y, x);
      // A gradient shifts all channels alike; where some are cut off, the median is the best guess.
      std::array<float, 3> shifts;
      for (size_t channel = 0; channel < 3; ++channel)
        shifts.at(channel) = here.at(channel) - palette.at(channel);
      std::sort(shifts.begin(), shifts.end());
      const float shift = std::clamp(shifts[1], -kMaxGradient, kMaxGradient);
      Rgb expected = palette;
      for (float& channel : expected) channel = std::clamp(channel + shift, 0.0F, 255.0F);
      largest = std::max(largest, std::sqrt(static_cast<double>(squared_distance(here, expected))));
    }
  }
  return largest;
}

}  // namespace ditmesh

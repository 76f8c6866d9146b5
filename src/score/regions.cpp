#include "regions.hpp"

#include <algorithm>

#include "pixel_index.hpp"

namespace ditmesh {

namespace {

// Calls visit(index) for the up to eight neighbours of a pixel.
template <typename Visit>
void for_neighbours(size_t i, int32_t height, int32_t width, const Visit& visit) {
  const auto y = static_cast<int32_t>(i / static_cast<size_t>(width));
  const auto x = static_cast<int32_t>(i % static_cast<size_t>(width));
  for (int32_t v = std::max(0, y - 1); v <= std::min(height - 1, y + 1); ++v) {
    for (int32_t u = std::max(0, x - 1); u <= std::min(width - 1, x + 1); ++u) {
      if (v != y || u != x) visit(pixel_index(v, u, width));
    }
  }
}

}  // namespace

Regions find_regions(const std::vector<uint8_t>& labels, const std::vector<uint8_t>& inner, uint8_t ground,
                     int32_t height, int32_t width) {
  Regions regions;
  regions.of_pixel.assign(labels.size(), -1);
  std::vector<size_t> front;
  for (size_t seed = 0; seed < labels.size(); ++seed) {
    if (inner[seed] == 0 || labels[seed] == ground || regions.of_pixel[seed] >= 0) continue;
    const int32_t number = regions.count++;
    regions.of_pixel[seed] = number;
    front.assign(1, seed);
    while (!front.empty()) {
      const size_t i = front.back();
      front.pop_back();
      for_neighbours(i, height, width, [&](size_t j) {
        if (regions.of_pixel[j] >= 0 || labels[j] != labels[seed]) return;
        regions.of_pixel[j] = number;
        front.push_back(j);
      });
    }
  }

  // All grow together, a pixel a round.
  regions.owner = regions.of_pixel;
  front.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (regions.owner[i] >= 0) front.push_back(i);
  }
  std::vector<size_t> next;
  for (int32_t round = 0; round < kSeam; ++round) {
    next.clear();
    for (const size_t i : front) {
      for_neighbours(i, height, width, [&](size_t j) {
        if (regions.owner[j] >= 0) return;
        regions.owner[j] = regions.owner[i];
        next.push_back(j);
      });
    }
    front.swap(next);
  }
  return regions;
}

}  // namespace ditmesh

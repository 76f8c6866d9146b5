#pragma once
// Patches of one colour in a picture, and which pixels around them belong to each.

#include <cstdint>
#include <vector>

namespace ditmesh {

/// Numbers of patches, for every pixel of a picture; −1 where there is none.
struct Regions {
  int32_t count = 0;
  std::vector<int32_t> of_pixel;  // the patches themselves
  std::vector<int32_t> owner;     // the same with a seam of kSeam pixels around each, split where two meet
};

/// Soft edges of an object lie in its seam.
inline constexpr int32_t kSeam = 4;  // pixels

/// The patches of pixels with one label other than `ground`, joined at sides or corners, that hold a pixel of
/// `inner`.
Regions find_regions(const std::vector<uint8_t>& labels, const std::vector<uint8_t>& inner, uint8_t ground,
                     int32_t height, int32_t width);

}  // namespace ditmesh

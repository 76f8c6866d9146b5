#pragma once

#include <cstddef>
#include <cstdint>

namespace ditmesh {

/// Of pixel (y, x) in values of a picture of this width, row by row.
inline size_t pixel_index(int32_t y, int32_t x, int32_t width) {
  return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
}

}  // namespace ditmesh

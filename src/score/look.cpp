#include "ditmesh/score/look.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/score/shape.hpp"
#include "fit.hpp"
#include "ground.hpp"
#include "pixel_index.hpp"
#include "regions.hpp"

namespace ditmesh {

namespace {

constexpr int32_t kObjectReach = 2;  // an object holds a square of 5 × 5 pixels
constexpr float kSameColour = 40;    // levels: two of the palette differ by 85, on a gradient by 49 at least
constexpr float kNearOutline = 3;    // pixels: so near to an outline a pixel may be mixed
constexpr size_t kMaxObjects = 16;   // of more the largest are fitted: captions tell four at most
constexpr float kEdgeLow = 0.2F;     // shares of the object's colour between which a pixel lies on the edge
constexpr float kEdgeHigh = 0.8F;

struct Box {
  int32_t top, left, bottom, right;  // the last two behind the end

  void add(int32_t y, int32_t x) {
    top = std::min(top, y), bottom = std::max(bottom, y + 1);
    left = std::min(left, x), right = std::max(right, x + 1);
  }
};

// What is known of a patch before a shape is fitted.
struct Patch {
  int32_t number = 0;
  Rgb colour = {};  // mean of its inner pixels
  Box box = {};     // of the pixels that it owns
  int64_t num_pixels = 0;
};

struct Canvas {
  const PictureView& picture;
  const Ground& ground;
  const Regions& regions;

  size_t index(int32_t y, int32_t x) const { return pixel_index(y, x, picture.width); }
};

std::vector<Patch> patches_of(const Canvas& canvas, const std::vector<uint8_t>& inner) {
  const auto [height, width, pixels] = canvas.picture;
  std::vector<Patch> patches(static_cast<size_t>(canvas.regions.count));
  std::vector<int64_t> num_inner(patches.size(), 0);
  for (size_t i = 0; i < patches.size(); ++i) {
    patches[i].number = static_cast<int32_t>(i);
    patches[i].box = {height, width, 0, 0};
  }
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      const size_t i = canvas.index(y, x);
      if (canvas.regions.owner[i] < 0) continue;
      Patch& patch = patches[static_cast<size_t>(canvas.regions.owner[i])];
      patch.box.add(y, x);
      if (canvas.regions.of_pixel[i] < 0) continue;
      ++patch.num_pixels;
      if (inner[i] == 0) continue;
      ++num_inner[static_cast<size_t>(patch.number)];
      const Rgb colour = canvas.picture.at(y, x);
      for (size_t c = 0; c < 3; ++c) patch.colour[c] += colour[c];
    }
  }
  for (size_t i = 0; i < patches.size(); ++i) {
    for (float& channel : patches[i].colour) channel /= static_cast<float>(num_inner[i]);
  }
  std::stable_sort(patches.begin(), patches.end(),
                   [](const Patch& a, const Patch& b) { return a.num_pixels > b.num_pixels; });
  return patches;
}

// The share of an object's colour in a pixel that is mixed of it and the background.
float share_of(const Rgb& pixel, const Rgb& ground, const Rgb& object) {
  float along = 0;
  float whole = 0;
  for (size_t c = 0; c < 3; ++c) {
    along += (pixel[c] - ground[c]) * (object[c] - ground[c]);
    whole += (object[c] - ground[c]) * (object[c] - ground[c]);
  }
  return whole > 0 ? std::clamp(along / whole, 0.0F, 1.0F) : 0.0F;
}

bool are_alike(const Rgb& a, const Rgb& b) { return squared_distance(a, b) <= kSameColour * kSameColour; }

Rgb mixed(const Rgb& ground, const Rgb& object, float share) {
  Rgb colour;
  for (size_t c = 0; c < 3; ++c) colour[c] = ground[c] + share * (object[c] - ground[c]);
  return colour;
}

SeenObject object_of(const Canvas& canvas, const Patch& patch, Colour colour) {
  const Box& box = patch.box;
  Mask mask(box.top, box.left, box.bottom - box.top, box.right - box.left);
  int64_t area = 0;
  int64_t num_mixed = 0;
  for (int32_t y = box.top; y < box.bottom; ++y) {
    for (int32_t x = box.left; x < box.right; ++x) {
      if (canvas.regions.owner[canvas.index(y, x)] != patch.number) continue;
      const float share = share_of(canvas.picture.at(y, x), canvas.ground.at(y, x), patch.colour);
      num_mixed += share > kEdgeLow && share < kEdgeHigh ? 1 : 0;
      if (share <= 0.5F) continue;
      mask.set(y, x);
      ++area;
    }
  }
  const ShapeFit fit = fit_shape(mask);
  SeenObject object;
  object.colour = colour;
  object.shape = fit.placed.shape;
  object.overlap = fit.overlap;
  object.x = fit.placed.x;
  object.y = fit.placed.y;
  object.radius = fit.placed.radius;
  object.area = static_cast<double>(area);
  // A colour that changes evenly over w pixels lies between the two shares on 0.6 of them.
  const double outline = measures_of(object.shape).perimeter * object.radius;
  object.edge_width =
      static_cast<double>(num_mixed) / (double{kEdgeHigh - kEdgeLow} * std::max(outline, 1.0));
  object.colour_error = std::sqrt(static_cast<double>(squared_distance(patch.colour, rgb_of(colour))));
  return object;
}

float distance_from(const SeenObject& object, int32_t y, int32_t x) {
  return signed_distance(object.shape, static_cast<float>(x + 0.5 - object.x),
                         static_cast<float>(y + 0.5 - object.y), static_cast<float>(object.radius));
}

// The patch that owns the pixel or, as along a bump's rim, one beside it.
std::optional<size_t> patch_at(const Canvas& canvas, const std::vector<Patch>& patches, int32_t y,
                               int32_t x) {
  constexpr int32_t kRim = 2;  // pixels
  const auto owned_by = [&](int32_t number) {
    const auto found = std::find_if(patches.begin(), patches.end(),
                                    [&](const Patch& patch) { return patch.number == number; });
    return found == patches.end() ? std::nullopt : std::optional<size_t>(found - patches.begin());
  };
  for (int32_t reach = 0; reach <= kRim; ++reach) {
    for (int32_t by = std::max(0, y - reach); by <= std::min(canvas.picture.height - 1, y + reach); ++by) {
      for (int32_t bx = std::max(0, x - reach); bx <= std::min(canvas.picture.width - 1, x + reach); ++bx) {
        const int32_t number = canvas.regions.owner[canvas.index(by, bx)];
        if (number < 0) continue;
        if (const auto found = owned_by(number)) return found;
      }
    }
  }
  return std::nullopt;
}

// Whether a pixel inside an object can be a dent: it shows the background, mixed with the object along the
// dent's rim, or another object.
bool shows_what_is_behind(const std::vector<Patch>& patches, const Rgb& object, const Rgb& pixel,
                          const Rgb& ground) {
  return are_alike(pixel, mixed(ground, object, share_of(pixel, ground, object))) ||
         std::any_of(patches.begin(), patches.end(),
                     [&](const Patch& patch) { return are_alike(pixel, patch.colour); });
}

// Compares every pixel that no outline is near with what the objects say of it. Where two outlines cover each
// other, the pixel must have the colour of both: one of the shapes is not whole.
void find_what_differs(const Canvas& canvas, const std::vector<Patch>& patches, Seen& seen) {
  std::vector<int64_t> misplaced(seen.objects.size(), 0);
  int64_t num_stray = 0;
  std::vector<size_t> holding;  // the objects deep in which the pixel lies
  for (int32_t y = 0; y < canvas.picture.height; ++y) {
    for (int32_t x = 0; x < canvas.picture.width; ++x) {
      holding.clear();
      bool is_near_outline = false;
      for (size_t k = 0; k < seen.objects.size(); ++k) {
        const double reach = 1.2 * seen.objects[k].radius + kNearOutline;
        if (std::abs(x + 0.5 - seen.objects[k].x) > reach || std::abs(y + 0.5 - seen.objects[k].y) > reach)
          continue;
        const float distance = distance_from(seen.objects[k], y, x);
        if (distance < -kNearOutline) holding.push_back(k);
        is_near_outline = is_near_outline || std::abs(distance) <= kNearOutline;
      }
      const Rgb pixel = canvas.picture.at(y, x);
      const Rgb ground = canvas.ground.at(y, x);
      for (const size_t k : holding) {
        const Rgb& colour = patches[k].colour;
        if (are_alike(pixel, colour)) continue;
        if (is_near_outline || shows_what_is_behind(patches, colour, pixel, ground)) {
          ++misplaced[k];
        } else {
          ++num_stray;
        }
      }
      if (!holding.empty() || is_near_outline || are_alike(pixel, ground)) continue;
      // A bump hangs together with its object.
      if (const auto patch = patch_at(canvas, patches, y, x)) {
        ++misplaced[*patch];
      } else {
        ++num_stray;
      }
    }
  }
  seen.strays =
      static_cast<double>(num_stray) / (static_cast<double>(canvas.picture.height) * canvas.picture.width);
  for (size_t k = 0; k < seen.objects.size(); ++k)
    seen.objects[k].misplaced = static_cast<double>(misplaced[k]) / std::max(1.0, seen.objects[k].area);
}

}  // namespace

Seen look_at(const PictureView& picture) {
  const auto num_bytes = static_cast<int64_t>(picture.height) * picture.width * 3;
  if (picture.height < 1 || picture.width < 1 || static_cast<int64_t>(picture.pixels.size()) != num_bytes) {
    throw InternalError(cat("a picture of ", picture.height, "x", picture.width, " has ",
                            picture.pixels.size(), " bytes of pixels, not ", num_bytes));
  }
  std::vector<uint8_t> labels = nearest_colours(picture);
  const Ground ground(picture, labels);
  const auto ground_label = static_cast<uint8_t>(ground.colour());
  // On a gradient the background can come nearer to another colour of the palette than to its own.
  for (int32_t y = 0; y < picture.height; ++y) {
    for (int32_t x = 0; x < picture.width; ++x) {
      const Rgb pixel = picture.at(y, x);
      uint8_t& label = labels[pixel_index(y, x, picture.width)];
      if (squared_distance(pixel, ground.at(y, x)) < squared_distance(pixel, rgb_of(kColours.at(label))))
        label = ground_label;
    }
  }
  const auto inner = inner_pixels(labels, picture.height, picture.width, kObjectReach);
  const Regions regions = find_regions(labels, inner, ground_label, picture.height, picture.width);
  const Canvas canvas{picture, ground, regions};
  std::vector<Patch> patches = patches_of(canvas, inner);
  if (patches.size() > kMaxObjects) patches.resize(kMaxObjects);

  Seen seen;
  seen.background = ground.colour();
  seen.background_error = ground.error();
  for (const Patch& patch : patches) {
    const auto nearest = std::min_element(kColours.begin(), kColours.end(), [&](Colour a, Colour b) {
      return squared_distance(patch.colour, rgb_of(a)) < squared_distance(patch.colour, rgb_of(b));
    });
    seen.objects.push_back(object_of(canvas, patch, *nearest));
  }
  find_what_differs(canvas, patches, seen);
  return seen;
}

}  // namespace ditmesh

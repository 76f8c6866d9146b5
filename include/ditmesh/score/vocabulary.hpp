#pragma once
// What captions of the shapes model speak of: shapes, colours, sizes, places. The numbers are those of
// models/shapes/train/scenes.py, which draws the pictures that the model learned from.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ditmesh {

enum class Shape : uint8_t { circle, square, triangle, star, diamond, cross, ring };
inline constexpr std::array kShapes = {Shape::circle,  Shape::square, Shape::triangle, Shape::star,
                                       Shape::diamond, Shape::cross,  Shape::ring};

enum class Colour : uint8_t { red, orange, yellow, green, cyan, blue, purple, pink, white, black };
inline constexpr std::array kColours = {Colour::red,   Colour::orange, Colour::yellow, Colour::green,
                                        Colour::cyan,  Colour::blue,   Colour::purple, Colour::pink,
                                        Colour::white, Colour::black};

enum class Size : uint8_t { small, medium, large };
inline constexpr std::array kSizes = {Size::small, Size::medium, Size::large};

/// Where a single object stands.
enum class PicturePlace : uint8_t {
  centre,
  left,
  right,
  top,
  bottom,
  top_left,
  top_right,
  bottom_left,
  bottom_right
};
inline constexpr std::array kPlaces = {
    PicturePlace::centre,    PicturePlace::left,        PicturePlace::right,
    PicturePlace::top,       PicturePlace::bottom,      PicturePlace::top_left,
    PicturePlace::top_right, PicturePlace::bottom_left, PicturePlace::bottom_right};

std::string_view to_string(Shape shape);
std::string_view to_string(Colour colour);
std::string_view to_string(Size size);
std::string_view to_string(PicturePlace place);  // "top left"

/// Red, green, blue in 0 … 255; may lie outside where it is computed.
using Rgb = std::array<float, 3>;

/// The palette.
Rgb rgb_of(Colour colour);
/// Euclidean, squared, in levels of 0 … 255.
float squared_distance(const Rgb& a, const Rgb& b);

/// Backgrounds are lighter and darker than the palette by so many levels at most, towards the corners.
inline constexpr float kMaxGradient = 0.12F * 255;

/// A range of numbers, both ends included.
struct Interval {
  double low = 0;
  double high = 0;

  bool contains(double value, double slack = 0) const {
    return low - slack <= value && value <= high + slack;
  }
  bool operator==(const Interval&) const = default;
};

/// Radii of a size as shares of the picture's scale, √(height · width).
Interval radii_of(Size size);
/// The size that a radius (a share of the scale) has: the border between two is the geometric middle of the
/// gap between their ranges, and the first and the last have no end.
Size size_of(double radius);

/// Ranges of a centre as shares of width and height.
struct PlaceRange {
  Interval x;
  Interval y;
};
PlaceRange range_of(PicturePlace place);

}  // namespace ditmesh

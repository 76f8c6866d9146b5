#include "ditmesh/score/vocabulary.hpp"

#include <cmath>

namespace ditmesh {

namespace {

template <typename Table, typename Key>
const auto& at(const Table& table, Key key) {
  return table.at(static_cast<size_t>(key));
}

constexpr Interval kLow = {0, 0.33};
constexpr Interval kMiddle = {0.43, 0.57};
constexpr Interval kHigh = {0.67, 1};

}  // namespace

std::string_view to_string(Shape shape) {
  static constexpr std::array<std::string_view, kShapes.size()> kNames = {
      "circle", "square", "triangle", "star", "diamond", "cross", "ring"};
  return at(kNames, shape);
}

std::string_view to_string(Colour colour) {
  static constexpr std::array<std::string_view, kColours.size()> kNames = {
      "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "black"};
  return at(kNames, colour);
}

std::string_view to_string(Size size) {
  static constexpr std::array<std::string_view, kSizes.size()> kNames = {"small", "medium", "large"};
  return at(kNames, size);
}

std::string_view to_string(PicturePlace place) {
  static constexpr std::array<std::string_view, kPlaces.size()> kNames = {
      "centre", "left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right"};
  return at(kNames, place);
}

Rgb rgb_of(Colour colour) {
  static constexpr std::array<Rgb, kColours.size()> kPalette = {{{220, 35, 35},
                                                                 {250, 145, 20},
                                                                 {250, 225, 50},
                                                                 {40, 160, 60},
                                                                 {70, 210, 220},
                                                                 {40, 75, 220},
                                                                 {130, 45, 165},
                                                                 {250, 150, 195},
                                                                 {245, 245, 245},
                                                                 {20, 20, 20}}};
  return at(kPalette, colour);
}

float squared_distance(const Rgb& a, const Rgb& b) {
  const float red = a[0] - b[0];
  const float green = a[1] - b[1];
  const float blue = a[2] - b[2];
  return red * red + green * green + blue * blue;
}

Interval radii_of(Size size) {
  static constexpr std::array<Interval, kSizes.size()> kRadii = {{{0.085, 0.10}, {0.13, 0.15}, {0.20, 0.23}}};
  return at(kRadii, size);
}

Size size_of(double radius) {
  const auto border = [](Size smaller, Size larger) {
    return std::sqrt(radii_of(smaller).high * radii_of(larger).low);
  };
  if (radius < border(Size::small, Size::medium)) return Size::small;
  return radius < border(Size::medium, Size::large) ? Size::medium : Size::large;
}

PlaceRange range_of(PicturePlace place) {
  static constexpr std::array<PlaceRange, kPlaces.size()> kRanges = {{{kMiddle, kMiddle},
                                                                      {kLow, kMiddle},
                                                                      {kHigh, kMiddle},
                                                                      {kMiddle, kLow},
                                                                      {kMiddle, kHigh},
                                                                      {kLow, kLow},
                                                                      {kHigh, kLow},
                                                                      {kLow, kHigh},
                                                                      {kHigh, kHigh}}};
  return at(kRanges, place);
}

}  // namespace ditmesh

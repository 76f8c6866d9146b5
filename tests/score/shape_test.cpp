// Vocabulary and geometry are those of models/shapes/train/scenes.py: scenes.json was written by it.
#include "ditmesh/score/shape.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ditmesh/base/json.hpp"

namespace ditmesh {
namespace {

Json fixture() { return read_json_file(DITMESH_SOURCE_DIR "/tests/score/scenes.json"); }

TEST(Shape, DistancesAreThoseOfScenes) {
  const Json rows = fixture().at("distances");
  ASSERT_EQ(rows.size(), 7 * 2 * 9);
  for (const Json& row : rows) {
    for (const Shape shape : kShapes) {
      if (row[0] != to_string(shape)) continue;
      EXPECT_NEAR(signed_distance(shape, row[1], row[2], row[3]), row[4].get<double>(), 2e-3) << row.dump();
    }
  }
}

TEST(Shape, Measures) {
  EXPECT_NEAR(measures_of(Shape::circle).area, M_PI, 0.01);
  EXPECT_NEAR(measures_of(Shape::circle).perimeter, 2 * M_PI, 0.05);
  EXPECT_NEAR(measures_of(Shape::square).area, 1.76 * 1.76, 0.02);
  EXPECT_NEAR(measures_of(Shape::square).perimeter, 4 * 1.76, 0.08);
  EXPECT_NEAR(measures_of(Shape::ring).area, M_PI * (1.04 * 1.04 - 0.56 * 0.56), 0.01);
  EXPECT_NEAR(measures_of(Shape::ring).perimeter, 2 * M_PI * 1.6, 0.05);
  EXPECT_NEAR(measures_of(Shape::circle).centre_of_mass_y, 0, 1e-3);
  // From 1.12 above to 0.58 below 0; y grows downwards.
  EXPECT_NEAR(measures_of(Shape::triangle).centre_of_mass_y, 0.58 - 1.7 / 3, 3e-3);
}

TEST(Vocabulary, ColoursAreThoseOfScenes) {
  const Json colours = fixture().at("colours");
  ASSERT_EQ(colours.size(), kColours.size());
  for (const Colour colour : kColours)
    EXPECT_EQ(Json(rgb_of(colour)), colours.at(std::string(to_string(colour)))) << to_string(colour);
}

TEST(Vocabulary, SizesAreThoseOfScenes) {
  const Json sizes = fixture().at("sizes");
  ASSERT_EQ(sizes.size(), kSizes.size());
  for (const Size size : kSizes)
    EXPECT_EQ(Json({radii_of(size).low, radii_of(size).high}), sizes.at(std::string(to_string(size))));
}

TEST(Vocabulary, PlacesAreThoseOfScenes) {
  const Json places = fixture().at("places");
  ASSERT_EQ(places.size(), kPlaces.size());
  for (const PicturePlace place : kPlaces) {
    const auto [x, y] = range_of(place);
    EXPECT_EQ(Json({{x.low, x.high}, {y.low, y.high}}), places.at(std::string(to_string(place))))
        << to_string(place);
  }
}

TEST(Vocabulary, GradientIsThatOfScenes) {
  EXPECT_NEAR(kMaxGradient, 255 * fixture().at("gradient").get<double>(), 1e-4);
}

TEST(Vocabulary, SizeOfARadius) {
  for (const Size size : kSizes) {
    EXPECT_EQ(size_of(radii_of(size).low), size);
    EXPECT_EQ(size_of(radii_of(size).high), size);
  }
  EXPECT_EQ(size_of(0.113), Size::small);  // √(0.10 · 0.13) = 0.1140
  EXPECT_EQ(size_of(0.115), Size::medium);
  EXPECT_EQ(size_of(0.173), Size::medium);  // √(0.15 · 0.20) = 0.1732
  EXPECT_EQ(size_of(0.174), Size::large);
  EXPECT_EQ(size_of(0.01), Size::small);
  EXPECT_EQ(size_of(0.5), Size::large);
}

}  // namespace
}  // namespace ditmesh

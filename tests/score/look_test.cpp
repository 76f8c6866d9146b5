#include "ditmesh/score/look.hpp"

#include <gtest/gtest.h>

#include <random>

#include "ditmesh/base/error.hpp"
#include "drawing.hpp"

namespace ditmesh {
namespace {

TEST(Look, EveryShapeInEverySize) {
  for (const Shape shape : kShapes) {
    for (const float radius : {21.0F, 36.0F, 55.0F}) {
      Drawing drawing(Colour::white);
      drawing.add(shape, Colour::blue, 120.3F, 131.6F, radius);
      const Seen seen = look_at(drawing.view());
      ASSERT_EQ(seen.objects.size(), 1) << to_string(shape) << " " << radius;
      const SeenObject& object = seen.objects.front();
      EXPECT_EQ(object.shape, shape);
      EXPECT_EQ(object.colour, Colour::blue);
      EXPECT_NEAR(object.x, 120.3, 0.5) << to_string(shape);
      EXPECT_NEAR(object.y, 131.6, 0.5) << to_string(shape);
      EXPECT_NEAR(object.radius, radius, 0.5) << to_string(shape);
      EXPECT_GT(object.overlap, 0.96) << to_string(shape);
      EXPECT_LT(object.edge_width, 2) << to_string(shape);
      EXPECT_LT(object.colour_error, 1);
      EXPECT_EQ(object.misplaced, 0);
      EXPECT_EQ(seen.strays, 0);
    }
  }
}

TEST(Look, EveryPairOfColours) {
  for (const Colour ground : kColours) {
    for (const Colour colour : kColours) {
      if (colour == ground) continue;
      Drawing drawing(128, 160, rgb_of(ground), 0.12F, -0.12F);
      drawing.add(Shape::star, colour, 80, 64, 24);
      const Seen seen = look_at(drawing.view());
      EXPECT_EQ(seen.background, ground) << to_string(ground) << " " << to_string(colour);
      ASSERT_EQ(seen.objects.size(), 1) << to_string(ground) << " " << to_string(colour);
      EXPECT_EQ(seen.objects.front().colour, colour);
      EXPECT_EQ(seen.objects.front().shape, Shape::star);
      EXPECT_LT(seen.background_error, 10);
      EXPECT_LT(seen.objects.front().edge_width, 2.5);
    }
  }
}

// Half way between red and blue lies purple: the seam is no object, nor a part of one.
TEST(Look, SeamsOfMixedColoursAreNoObjects) {
  Drawing drawing(Colour::blue);
  drawing.add(Shape::circle, Colour::red, 80, 128, 40).add(Shape::square, Colour::purple, 190, 128, 30);
  const Seen seen = look_at(drawing.blurred(3).view());
  ASSERT_EQ(seen.objects.size(), 2);
  EXPECT_EQ(seen.objects[0].colour, Colour::red);
  EXPECT_GT(seen.objects[0].overlap, 0.98);
  EXPECT_EQ(seen.objects[1].colour, Colour::purple);
}

TEST(Look, MeasuresEdges) {
  Drawing drawing(Colour::black);
  drawing.add(Shape::circle, Colour::yellow, 128, 128, 50);
  EXPECT_NEAR(look_at(drawing.view()).objects.at(0).edge_width, 1, 0.3);
  EXPECT_NEAR(look_at(drawing.blurred(5).view()).objects.at(0).edge_width, 5, 0.8);
  EXPECT_NEAR(look_at(drawing.blurred(9).view()).objects.at(0).edge_width, 9, 2);
}

TEST(Look, DentsAreMisplacedSpotsAreStrays) {
  Drawing dented(Colour::white);
  dented.add(Shape::square, Colour::red, 128, 128, 40).add(Shape::circle, Colour::white, 128, 128, 10);
  const Seen with_dent = look_at(dented.view());
  ASSERT_EQ(with_dent.objects.size(), 1);
  EXPECT_NEAR(with_dent.objects[0].misplaced, M_PI * 100 / (70.4 * 70.4 - M_PI * 100), 0.01);
  EXPECT_EQ(with_dent.strays, 0);

  // No square of 5 × 5 pixels fits into the cross: arms are 4 pixels wide.
  Drawing spotted(Colour::white);
  spotted.add(Shape::square, Colour::red, 128, 128, 40).add(Shape::cross, Colour::green, 30, 30, 7);
  const Seen with_spot = look_at(spotted.view());
  ASSERT_EQ(with_spot.objects.size(), 1);
  EXPECT_GT(with_spot.strays, 80.0 / 65536);
  EXPECT_LT(with_spot.strays, 140.0 / 65536);
  EXPECT_EQ(with_spot.objects[0].misplaced, 0);
}

TEST(Look, BackgroundOfNoClearColour) {
  Drawing grey(64, 64, {130, 130, 130});
  EXPECT_GT(look_at(grey.view()).background_error, 60);
  Drawing steep(64, 64, rgb_of(Colour::green), 0.6F, 0);
  EXPECT_GT(look_at(steep.view()).background_error, 60);
}

TEST(Look, PicturesOfNothing) {
  std::mt19937 random(1);
  std::vector<uint8_t> noise(size_t{64} * 96 * 3);
  for (uint8_t& value : noise) value = static_cast<uint8_t>(random());
  EXPECT_TRUE(look_at({64, 96, noise}).objects.empty());
  EXPECT_GT(look_at({64, 96, noise}).strays, 0.5);

  const std::vector<uint8_t> constant(size_t{64} * 96 * 3, 20);
  const Seen seen = look_at({64, 96, constant});
  EXPECT_TRUE(seen.objects.empty());
  EXPECT_EQ(seen.background, Colour::black);
  EXPECT_EQ(seen.strays, 0);

  const std::vector<uint8_t> one = {250, 150, 195};
  EXPECT_EQ(look_at({1, 1, one}).background, Colour::pink);
  const std::vector<uint8_t> line(size_t{300} * 3, 245);
  EXPECT_EQ(look_at({1, 300, line}).background, Colour::white);
  EXPECT_EQ(look_at({300, 1, line}).background, Colour::white);
}

TEST(Look, RefusesPixelsThatDoNotFit) {
  const std::vector<uint8_t> pixels(12);
  EXPECT_THROW(look_at({2, 3, pixels}), InternalError);
  EXPECT_THROW(look_at({0, 0, {}}), InternalError);
}

}  // namespace
}  // namespace ditmesh

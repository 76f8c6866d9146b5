// How the judge says what is wrong: which of two objects, which coordinate.

#include <gtest/gtest.h>

#include "ditmesh/score/judge.hpp"

namespace ditmesh {
namespace {

SeenObject seen(Colour colour, Shape shape, double x, double y, double radius) {
  return {.colour = colour,
          .shape = shape,
          .overlap = 1,
          .x = x,
          .y = y,
          .radius = radius,
          .area = 1000,
          .edge_width = 1};
}

// Of objects in a picture of 256 × 256 pixels.
std::string why_of(const std::vector<SeenObject>& objects, const std::string& text) {
  const CaptionReading reading = read_caption(text);
  EXPECT_TRUE(reading.caption) << text << ": " << reading.problem;
  JudgeLimits limits;
  limits.place_slack = 0.1;
  return judge({Colour::white, 0, objects, 0}, reading.caption.value(), 256, 256, limits).why;
}

TEST(JudgeWords, TellsEqualObjectsApart) {
  const SeenObject large = seen(Colour::red, Shape::circle, 60, 60, 55);
  const SeenObject small = seen(Colour::red, Shape::circle, 190, 60, 24);
  const SeenObject other = seen(Colour::red, Shape::circle, 60, 190, 24);
  EXPECT_EQ(why_of({large, small}, "a small red circle left of a large red circle"),
            "the small red circle is not left of the large red circle");
  EXPECT_EQ(why_of({large, small}, "a red circle above a large red circle"),
            "the red circle is not above the large red circle");
  EXPECT_EQ(why_of({small, small}, "a red circle left of a red circle"),
            "the first red circle is not left of the second red circle");
  EXPECT_EQ(why_of({small, other, small},
                   "from left to right: a small red circle, a small red circle, a red circle"),
            "the first small red circle is not left of the second small red circle");
  EXPECT_EQ(
      why_of({large, seen(Colour::blue, Shape::star, 60, 190, 24)}, "a red circle left of a small blue star"),
      "the red circle is not left of the blue star");
}

TEST(JudgeWords, SaysWhichCoordinateIsOut) {
  const std::vector<SeenObject> low = {seen(Colour::green, Shape::ring, 64, 192, 24)};
  EXPECT_EQ(why_of(low, "a green ring at the bottom left"), "");
  EXPECT_EQ(why_of(low, "a green ring at the top left"),
            "the green ring is not at the top left; its centre is at 75.0 % of the height, 0.0 % to 43.0 % "
            "are needed");
  EXPECT_EQ(why_of(low, "a green ring on the right side"),
            "the green ring is not on the right; its centre is at 25.0 % of the width, 57.0 % to 100.0 % are "
            "needed; "
            "its centre is at 75.0 % of the height, 33.0 % to 67.0 % are needed");
  EXPECT_EQ(why_of({}, "a green ring at the top"), "there is no green ring");
}

}  // namespace
}  // namespace ditmesh

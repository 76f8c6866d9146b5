#include "ditmesh/score/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "drawing.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;

Judgement judge_drawing(Drawing drawing, const std::string& text) {
  const CaptionReading reading = read_caption(text);
  EXPECT_TRUE(reading.caption) << text << " " << reading.problem;
  return judge(drawing.view(), reading.caption.value());
}

std::vector<Aspect> wrong_aspects(const Judgement& judgement) {
  std::vector<Aspect> wrong;
  for (const Aspect aspect : kAspects) {
    if (!judgement.holds_for(aspect)) wrong.push_back(aspect);
  }
  return wrong;
}

void expect_right(const Drawing& drawing, const std::string& text) {
  const Judgement judgement = judge_drawing(drawing, text);
  EXPECT_TRUE(judgement.is_right()) << text << ": " << judgement.why;
  EXPECT_EQ(judgement.why, "");
}

// Exactly these aspects are wrong, and the reason has these words.
void expect_wrong(const Drawing& drawing, const std::string& text, const std::vector<Aspect>& aspects,
                  const std::string& words) {
  const Judgement judgement = judge_drawing(drawing, text);
  EXPECT_FALSE(judgement.is_right()) << text;
  EXPECT_EQ(wrong_aspects(judgement), aspects) << text << ": " << judgement.why;
  EXPECT_THAT(judgement.why, HasSubstr(words)) << text;
}

// A large red circle left of a small blue square, on white with a gradient.
Drawing pair() {
  Drawing drawing(256, 256, rgb_of(Colour::white), 0.1F, -0.1F);
  drawing.add(Shape::circle, Colour::red, 70, 120, 55).add(Shape::square, Colour::blue, 190, 130, 24);
  return drawing;
}
constexpr const char* kPair = "a large red circle left of a small blue square on a white background";

TEST(Judge, TrueScenes) {
  expect_right(pair(), kPair);
  expect_right(pair(), "a red circle and a blue square");
  expect_right(pair(), "a blue square and a red circle");
  expect_right(pair(), "a blue square with a red circle to the left of it");
  expect_right(Drawing(Colour::green).add(Shape::ring, Colour::pink, 60, 60, 24),
               "a pink ring at the top left");
  Drawing three(192, 320, rgb_of(Colour::black), -0.12F, 0.12F);
  three.add(Shape::star, Colour::yellow, 50, 90, 34).add(Shape::cross, Colour::white, 160, 100, 23);
  three.add(Shape::triangle, Colour::green, 260, 95, 34);
  expect_right(three, "from left to right: a yellow star, a small white cross and a green triangle");
  // Twice a colour, told so.
  expect_right(Drawing(Colour::white)
                   .add(Shape::star, Colour::red, 60, 120, 24)
                   .add(Shape::ring, Colour::red, 180, 120, 24),
               "a red star to the left of a red ring");
}

TEST(Judge, WhatAnAutoencoderDoesIsForgiven) {
  expect_right(pair().blurred(3), kPair);
  Drawing off(256, 256, {236, 248, 240});
  off.add(Shape::circle, Rgb{208, 45, 28}, 70, 120, 55).add(Shape::square, Rgb{50, 66, 209}, 190, 130, 24);
  expect_right(off, kPair);
  Drawing noisy = pair();
  std::vector<uint8_t> pixels = noisy.pixels();
  std::mt19937 random(1);
  std::normal_distribution<float> error(0, 4);
  for (uint8_t& value : pixels)
    value = static_cast<uint8_t>(std::clamp(static_cast<float>(value) + error(random), 0.0F, 255.0F));
  const Judgement judgement = judge({256, 256, pixels}, read_caption(kPair).caption.value());
  EXPECT_TRUE(judgement.is_right()) << judgement.why;
}

TEST(Judge, OneThingWrong) {
  expect_wrong(pair(), "a large red circle left of a small green square", {Aspect::objects},
               "the square is blue, not green");
  expect_wrong(pair(), "a large red circle left of a small blue diamond", {Aspect::shapes},
               "the blue object is a square, not a diamond");
  expect_wrong(pair(), "a medium red circle left of a small blue square", {Aspect::sizes},
               "the red circle is large, not medium");
  expect_wrong(pair(), "a red circle to the right of a blue square", {Aspect::order},
               "the blue square is not left of the red circle");
  expect_wrong(pair(), "a red circle above a blue square", {Aspect::order}, "is not above");
  expect_wrong(pair(), "a red circle and a blue square on a pink background", {Aspect::background},
               "the background is white, not pink");
  const Drawing low = Drawing(Colour::white).add(Shape::ring, Colour::green, 128, 190, 24);
  expect_right(low, "a green ring at the bottom");
  expect_wrong(low, "a green ring at the top", {Aspect::order},
               "the green ring is not at the top; its centre is at 74");
  expect_wrong(low, "a green ring in the middle", {Aspect::order}, "is not in the centre");
}

TEST(Judge, TooManyAndTooFew) {
  const std::vector<Aspect> missing = {Aspect::objects, Aspect::shapes};
  expect_wrong(pair(), "a red circle", {Aspect::objects}, "there is a blue square too many");
  expect_wrong(pair(), "a red circle, a blue square and a green star", missing, "there is no green star");
  expect_wrong(pair().add(Shape::square, Colour::blue, 190, 220, 24), kPair, {Aspect::objects},
               "there is a blue square too many");
  expect_wrong(pair().add(Shape::circle, Colour::green, 230, 30, 8), kPair, {Aspect::objects}, "too many");
  expect_wrong(Drawing(Colour::white), "a red circle", {Aspect::objects, Aspect::shapes, Aspect::sharpness},
               "there is no red circle");
  expect_wrong(Drawing(Colour::white), "a small red circle at the top",
               {Aspect::objects, Aspect::shapes, Aspect::sizes, Aspect::order, Aspect::sharpness},
               "there is no");
}

TEST(Judge, BrokenShapes) {
  const auto square = [] { return Drawing(Colour::white).add(Shape::square, Colour::blue, 128, 128, 36); };
  expect_right(square(), "a blue square");
  // A hole, a corner bitten off, a bump, an oval.
  expect_wrong(square().add(Shape::circle, Colour::white, 128, 128, 9), "a blue square", {Aspect::shapes},
               "broken");
  expect_wrong(square().add(Shape::circle, Colour::white, 155, 155, 22), "a blue square", {Aspect::shapes},
               "broken");
  expect_wrong(square().add(Shape::square, Colour::blue, 160, 128, 14), "a blue square", {Aspect::shapes},
               "broken");
  Drawing oval = Drawing(Colour::white);
  for (int step = 0; step <= 40; ++step)
    oval.add(Shape::circle, Colour::blue, 108 + static_cast<float>(step), 128, 30);
  expect_wrong(oval, "a blue circle", {Aspect::shapes}, "broken");
}

TEST(Judge, ShapesThatCoverEachOther) {
  const auto circle = [] { return Drawing(Colour::white).add(Shape::circle, Colour::red, 100, 128, 36); };
  const char* caption = "a red circle to the left of a blue square";
  expect_right(circle().add(Shape::square, Colour::blue, 163, 128, 28), caption);  // they touch
  expect_wrong(circle().add(Shape::square, Colour::blue, 145, 128, 30), caption, {Aspect::shapes}, "broken");
  expect_wrong(circle().add(Shape::star, Colour::blue, 100, 128, 24), "a red circle and a blue star",
               {Aspect::shapes}, "the red object is a ring, not a circle");
  const Drawing ring = Drawing(Colour::white).add(Shape::ring, Colour::red, 128, 128, 56);
  expect_right(Drawing(ring).add(Shape::circle, Colour::blue, 128, 128, 22), "a red ring and a blue circle");
}

TEST(Judge, BlurAndMosaic) {
  const Judgement blurred = judge_drawing(pair().blurred(9), kPair);
  EXPECT_FALSE(blurred.holds_for(Aspect::sharpness));
  EXPECT_THAT(blurred.why, HasSubstr("pixels wide"));
  Drawing star = Drawing(Colour::black).add(Shape::star, Colour::cyan, 130, 131, 36);
  expect_right(star, "a cyan star");
  EXPECT_FALSE(judge_drawing(star.blurred(9), "a cyan star").is_right());
  EXPECT_FALSE(judge_drawing(star.mosaic(8), "a cyan star").is_right());
  EXPECT_FALSE(judge_drawing(pair().mosaic(8), kPair).is_right());
}

TEST(Judge, ColoursOffThePalette) {
  const auto brown = Rgb{140, 90, 45};
  expect_wrong(Drawing(Colour::white).add(Shape::ring, brown, 128, 128, 36), "a purple ring",
               {Aspect::objects, Aspect::palette}, "not purple");
  expect_wrong(Drawing(256, 256, {130, 130, 130}).add(Shape::ring, Colour::red, 128, 128, 36), "a red ring",
               {Aspect::palette}, "the background is of no clear colour");
  expect_wrong(pair().add(Shape::cross, Colour::green, 150, 30, 7), kPair, {Aspect::palette},
               "neither background nor object");
  Drawing blotched = Drawing(Colour::white).add(Shape::circle, Colour::red, 128, 128, 55);
  blotched.add(Shape::circle, Rgb{150, 60, 110}, 128, 128, 14);
  EXPECT_FALSE(judge_drawing(blotched, "a red circle").is_right());
}

TEST(Judge, NoiseAndSmallPictures) {
  std::mt19937 random(7);
  const Caption caption = read_caption(kPair).caption.value();
  for (const auto& [height, width] : {std::pair{256, 256}, {1, 1}, {2, 3}, {1, 300}, {9, 9}}) {
    std::vector<uint8_t> pixels(static_cast<size_t>(height) * static_cast<size_t>(width) * 3);
    for (uint8_t& value : pixels) value = static_cast<uint8_t>(random());
    const Judgement judgement = judge({height, width, pixels}, caption);
    EXPECT_FALSE(judgement.holds_for(Aspect::objects)) << height << "x" << width;
    EXPECT_FALSE(judgement.why.empty());
  }
}

// Each limit has a picture a little inside and one a little outside.
struct Border {
  Aspect aspect;
  const char* caption;
  std::function<Drawing(bool is_inside)> draw;
};

Drawing circle_at(float x, float y) {
  return Drawing(Colour::white).add(Shape::circle, Colour::red, x * 256, y * 256, 26);
}

TEST(Judge, LimitsAreKept) {
  const std::vector<Border> borders = {
      // The left ends at a third, and a tenth of slack.
      {Aspect::order, "a red circle on the left",
       [](bool is_inside) { return circle_at(is_inside ? 0.42F : 0.44F, 0.5F); }},
      // 0.6 of both radii.
      {Aspect::order, "a red circle left of a blue square",
       [](bool is_inside) {
         const float apart = (is_inside ? 0.62F : 0.58F) * 48;
         return Drawing(Colour::white)
             .add(Shape::circle, Colour::red, 100, 60, 24)
             .add(Shape::square, Colour::blue, 100 + apart, 180, 24);
       }},
      // A dent 14 wide with 3 pixels of rim, in 72 × 72.
      {Aspect::shapes, "a blue square",
       [](bool is_inside) {
         Drawing drawing = Drawing(Colour::white).add(Shape::square, Colour::blue, 128, 128, 41);
         return drawing.add(Shape::square, Colour::white, 128, 128, is_inside ? 8 : 11);
       }},
      // Spots of no colour that are too small to be objects: 25 and 50 of 65,536 pixels.
      {Aspect::palette, "a red circle",
       [](bool is_inside) {
         Drawing drawing = circle_at(0.5F, 0.5F);
         for (int spot = 0; spot < (is_inside ? 1 : 3); ++spot)
           drawing.add(Shape::square, Rgb{128, 128, 128}, 20 + 20 * static_cast<float>(spot), 20, 2.2F);
         return drawing;
       }},
      {Aspect::palette, "a red circle",
       [](bool is_inside) {
         const Rgb red = rgb_of(Colour::red);
         const float off = is_inside ? 36 : 44;
         return Drawing(Colour::white).add(Shape::circle, Rgb{red[0], red[1], red[2] + off}, 128, 128, 30);
       }},
      {Aspect::palette, "a red circle",
       [](bool is_inside) {
         Rgb ground = rgb_of(Colour::green);
         ground[2] += is_inside ? 26 : 34;
         return Drawing(256, 256, ground).add(Shape::circle, Colour::red, 128, 128, 30);
       }},
  };
  for (size_t i = 0; i < borders.size(); ++i) {
    const Border& border = borders[i];
    EXPECT_EQ(wrong_aspects(judge_drawing(border.draw(true), border.caption)), std::vector<Aspect>{}) << i;
    EXPECT_EQ(wrong_aspects(judge_drawing(border.draw(false), border.caption)), std::vector{border.aspect})
        << i;
  }
}

}  // namespace
}  // namespace ditmesh

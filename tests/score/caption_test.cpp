#include "ditmesh/score/caption.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <tuple>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

constexpr auto kLeft = Direction::left;
constexpr auto kAbove = Direction::above;

ToldObject told(Colour colour, Shape shape, std::optional<Size> size = std::nullopt) {
  return {size, colour, shape};
}
const ToldObject kRedCircle = told(Colour::red, Shape::circle);
const ToldObject kBlueSquare = told(Colour::blue, Shape::square);
const ToldObject kGreenStar = told(Colour::green, Shape::star);

Caption read(const std::string& text) {
  const CaptionReading reading = read_caption(text);
  EXPECT_TRUE(reading.caption) << text << ": stopped " << reading.problem;
  return reading.caption.value_or(Caption{});
}

void expect_same(const std::string& text, const Caption& expected) {
  EXPECT_EQ(read(text), expected) << text;
}

// As text, in an order that does not depend on which object the caption names first.
std::vector<std::string> relation_texts(const std::vector<Relation>& relations,
                                        const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  for (const auto& [first, direction, second] : relations)
    texts.push_back(cat(names.at(first), direction == kLeft ? " left " : " above ", names.at(second)));
  std::sort(texts.begin(), texts.end());
  return texts;
}

// What scenes.py says that its captions tell; DITMESH_TEST_CAPTIONS names a file with more of them.
TEST(Caption, ReadsAllThatScenesWrites) {
  const char* more = std::getenv("DITMESH_TEST_CAPTIONS");
  std::ifstream file(more != nullptr ? more : DITMESH_SOURCE_DIR "/tests/score/captions.jsonl");
  int64_t count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const Json json = Json::parse(line);
    const auto text = json.at("caption").get<std::string>();
    const Caption found = read(text);
    std::vector<std::string> expected_names;
    std::vector<std::string> expected_objects;
    for (const Json& each : json.at("objects")) {
      expected_names.push_back(cat(each[1].get<std::string>(), " ", each[2].get<std::string>()));
      expected_objects.push_back((each[0].is_null() ? "" : each[0].get<std::string>() + " ") +
                                 expected_names.back());
    }
    std::vector<Relation> expected_relations;
    for (const Json& each : json.at("relations"))
      expected_relations.push_back({each[0], each[1] == "left" ? kLeft : kAbove, each[2]});
    std::vector<std::string> names;
    std::vector<std::string> objects;
    for (const ToldObject& each : found.objects) {
      names.push_back(to_string(told(each.colour, each.shape)));
      objects.push_back(to_string(each));
    }
    EXPECT_EQ(relation_texts(found.relations, names), relation_texts(expected_relations, expected_names))
        << text;
    std::sort(objects.begin(), objects.end());
    std::sort(expected_objects.begin(), expected_objects.end());
    EXPECT_EQ(objects, expected_objects) << text;
    EXPECT_EQ(found.place ? Json(to_string(*found.place)) : Json(), json.at("place")) << text;
    EXPECT_EQ(found.background ? Json(to_string(*found.background)) : Json(), json.at("background")) << text;
  }
  EXPECT_GE(count, 360);
}

TEST(Caption, OneObject) {
  expect_same("a red circle", {{kRedCircle}, {}, {}, {}});
  expect_same("Red circle.", {{kRedCircle}, {}, {}, {}});
  expect_same("THERE IS A LARGE RED CIRCLE", {{told(Colour::red, Shape::circle, Size::large)}, {}, {}, {}});
  expect_same("the big red circle in the upper left corner",
              {{told(Colour::red, Shape::circle, Size::large)}, {}, PicturePlace::top_left, {}});
  expect_same("a red circle at the bottom-right", {{kRedCircle}, {}, PicturePlace::bottom_right, {}});
  expect_same("a red circle on a white background, in the centre",
              {{kRedCircle}, {}, PicturePlace::centre, Colour::white});
  expect_same("on a white background, a red circle on the left side",
              {{kRedCircle}, {}, PicturePlace::left, Colour::white});
  expect_same("a red circle is at the top", {{kRedCircle}, {}, PicturePlace::top, {}});
}

TEST(Caption, Pairs) {
  const std::vector<ToldObject> both = {kRedCircle, kBlueSquare};
  expect_same("red circle left of blue square", {both, {{0, kLeft, 1}}, {}, {}});
  expect_same("a red circle is on the right of a blue square", {both, {{1, kLeft, 0}}, {}, {}});
  expect_same("a red circle over a blue square", {both, {{0, kAbove, 1}}, {}, {}});
  expect_same("a red circle under a blue square", {both, {{1, kAbove, 0}}, {}, {}});
  expect_same("a red circle with a blue square below it", {both, {{0, kAbove, 1}}, {}, {}});
  expect_same("a red circle at the bottom and a blue square at the top", {both, {{1, kAbove, 0}}, {}, {}});
  expect_same("a red circle and a blue square", {both, {}, {}, {}});
  expect_same("a red circle and a blue square with a pink background", {both, {}, {}, Colour::pink});
  expect_same("a red circle and a blue square from right to left", {both, {{1, kLeft, 0}}, {}, {}});
}

TEST(Caption, Triples) {
  const std::vector<ToldObject> all = {kRedCircle, kBlueSquare, kGreenStar};
  const std::vector<Relation> row = {{0, kLeft, 1}, {1, kLeft, 2}};
  expect_same("a red circle, a blue square and a green star in a row from left to right", {all, row, {}, {}});
  expect_same("From left to right: a red circle, a blue square, and a green star on a black background.",
              {all, row, {}, Colour::black});
  expect_same("a red circle on the left, a blue square in the middle and a green star on the right",
              {all, row, {}, {}});
  expect_same("a red circle left of a blue square, which is left of a green star", {all, row, {}, {}});
  expect_same("a red circle below a blue square, which is below a green star",
              {all, {{1, kAbove, 0}, {2, kAbove, 1}}, {}, {}});
  expect_same("a red circle left of a blue square, with a green star above both",
              {all, {{0, kLeft, 1}, {2, kAbove, 0}, {2, kAbove, 1}}, {}, {}});
  expect_same("a red circle, a blue square and a green star", {all, {}, {}, {}});
}

TEST(Caption, MarksAndQuotes) {
  const Caption expected = {{kRedCircle, kBlueSquare}, {}, {}, {}};
  for (const char* text : {"a red circle and a blue square!", "\"A red circle and a blue square.\"",
                           "'a red circle, a blue square'", "\"a red circle; a blue square\".",
                           "a red circle\r\nand a blue square\r\n"}) {
    expect_same(text, expected);
  }
  expect_same("a red circle is on a white background", {{kRedCircle}, {}, {}, Colour::white});
  expect_same("a red circle and a blue square are on a white background",
              {{kRedCircle, kBlueSquare}, {}, {}, Colour::white});
}

using Problems = std::vector<std::pair<std::string, std::string>>;
void expect_problems(const Problems& cases) {
  for (const auto& [text, problem] : cases) {
    const CaptionReading reading = read_caption(text);
    EXPECT_FALSE(reading.caption) << text;
    EXPECT_EQ(reading.problem, problem) << text;
  }
}

TEST(Caption, SaysWhereItStoppedAndWhy) {
  expect_problems({
      {"", "at its end: a colour is missing"},
      {"a", "after 'a', at its end: a colour is missing"},
      {"a fluffy cat", "after 'a', at 'fluffy': a colour is missing"},
      {"A RED", "after 'A RED', at its end: a shape is missing"},
      {"a red blob", "after 'a red', at 'blob': a shape is missing"},
      {"a large ring below a star", "after 'a large', at 'ring': a colour is missing"},
      {"a red circle beside a blue square",
       "after 'a red circle', at 'beside': this tells no order; say left of, right of, above or below"},
      {"a red circle next to a blue square",
       "after 'a red circle', at 'next': this tells no order; say left of, right of, above or below"},
      {"a red circle left of", "after 'red circle left of', at its end: a colour is missing"},
      {"a red circle and star", "after 'a red circle and', at 'star': a colour is missing"},
      {"a red circle and a blue square in a row",
       "after 'and a blue square', at 'in': a row from where to where is missing"},
      {"a red circle hums", "after 'a red circle', at 'hums': this does not fit here"},
      {"a red circle, on the left and a blue square",
       "after 'a red circle,', at 'on': not every object has a place"},
      {"a red circle on the left and a blue square at the top",
       "after 'and a blue square', at 'at': the places of several objects are in no line"},
      {"a red circle on the left and a blue square on the left",
       "after 'and a blue square', at 'on': two objects in one place"},
      {"a red circle at the top at the top", "after 'circle at the top', at 'at': two places for one object"},
      {"a red circle above a blue square at the top",
       "after 'above a blue square', at 'at': a place beside an order"},
      {"a red circle left of a blue square from left to right",
       "after 'of a blue square', at 'from': an order beside the one told before"},
      {"from left to right: a red circle", "at 'from': one object has no order"},
      {"on a blue background a red circle", "after 'on a blue background', at 'a': a ',' is missing"},
      {"a red circle on a blue background on a pink background",
       "after 'on a blue background', at 'on': two backgrounds"},
      {"a red circle.. a blue square", "after 'a red', at 'circle..': a shape is missing"},
      {"a red circle, a blue square, a green star, a pink ring and one white cross",
       "after 'a pink ring and', at 'one': a fifth object; at most 4"},
      {"ein roter Kreis", "at 'ein': a colour is missing"},
  });
}

// What could be meant in two ways: a picture that shows one of them would be right by chance.
TEST(Caption, DoesNotGuess) {
  expect_problems({
      {"a red circle left of a blue square and a green star",
       "after 'a blue square and', at 'a': nothing tells where the green star is, others have an order"},
      {"a red circle and a blue square above a green star",
       "at 'a': nothing tells where the red circle is, others have an order"},
      {"a red circle, a blue square with a green star above it",
       "at 'a': nothing tells where the red circle is, others have an order"},
      {"a red circle above a blue square with a green star to the left of it",
       "after 'to the left of', at 'it': 'it' may be one object or another"},
      {"a red circle with a blue square below it and a green star left of it",
       "after 'green star left of', at 'it': 'it' may be one object or another"},
      {"a red circle left of a blue square, above a green star",
       "after 'a blue square,', at 'above': this may tell of one object or another"},
      {"a red circle above it", "after 'a red circle above', at 'it': 'it' has nothing to refer to"},
      {"a red circle below both", "after 'a red circle below', at 'both': 'both' needs two objects before"},
  });
  const std::vector<ToldObject> all = {kRedCircle, kBlueSquare, kGreenStar};
  expect_same("a red circle and a blue square with a green star above both",
              {all, {{2, kAbove, 0}, {2, kAbove, 1}}, {}, {}});
  expect_same("a red circle with a blue square below it left of a green star",
              {all, {{0, kAbove, 1}, {1, kLeft, 2}}, {}, {}});
}

TEST(Caption, NoPictureCanShowIt) {
  expect_problems({
      {"a red circle on a red background",
       "after 'a red circle', at 'on': the background has the colour of the red circle"},
      {"on a blue background, a red circle above a blue square",
       "at 'on': the background has the colour of the blue square"},
      {"a red circle with a blue square left of it right of it",
       "after 'square left of it', at 'right': this contradicts the order told before"},
      {"a red circle with a blue square left of it left of it",
       "after 'square left of it', at 'left': this order is told twice"},
      {"a red circle left of a blue square, a green star left of both right of both",
       "after 'star left of both', at 'right': this contradicts the order told before"},
      {"a red circle left of a blue square, a green star right of both left of both",
       "after 'star right of both', at 'left': this contradicts the order told before"},
  });
}

TEST(Caption, Names) {
  EXPECT_EQ(to_string(kRedCircle), "red circle");
  EXPECT_EQ(to_string(told(Colour::blue, Shape::ring, Size::small)), "small blue ring");
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Call>
std::string config_error(Call call) {
  try {
    call();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Json, SyntaxErrorsNameThePlace) {
  EXPECT_THAT(config_error([] { parse_json("{\n  \"a\": 1,\n  b\n}", "config.json"); }),
              AllOf(HasSubstr("config.json: line 3, column 3: "), HasSubstr("not valid JSON")));
  EXPECT_THAT(config_error([] { parse_json("", "config.json"); }),
              HasSubstr("config.json: line 1, column 1"));
}

TEST(JsonObject, ReadsFieldsWithTheirTypes) {
  const JsonObject object(
      parse_json(R"({"n": 3, "x": 1.5, "t": "a", "b": true, "l": [1, 2], "z": null})", "x"), "x");
  EXPECT_EQ(object.get<int64_t>("n"), 3);
  EXPECT_EQ(object.get<double>("n"), 3);
  EXPECT_EQ(object.get<double>("x"), 1.5);
  EXPECT_EQ(object.get<std::string>("t"), "a");
  EXPECT_TRUE(object.get<bool>("b"));
  EXPECT_EQ(object.get<std::vector<int64_t>>("l"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(object.get_or<int64_t>("none", 7), 7);
  EXPECT_EQ(object.get_or<int64_t>("z", 7), 7) << "null is missing";
  EXPECT_EQ(object.dimension("n"), 3);
  EXPECT_EQ(object.dimension_or("none", 9), 9);
  EXPECT_FALSE(object.has("z"));
}

TEST(Json, TooDeepOrTooLargeIsRefused) {
  EXPECT_EQ(config_error([] { parse_json(std::string(1'000'000, '['), "x"); }),
            "x is nested more than 200 deep: no file of ours is: fetch or write it again");
  EXPECT_EQ(config_error([] { parse_json("[1e400]", "x"); }),
            "x: number overflow parsing '1e400': write a number that a computer can hold");
}

TEST(JsonObject, ErrorsNameFileAndField) {
  const JsonObject object(parse_json(R"({"n": 1.5, "t": "a", "b": true, "zero": 0})", "x"), "m/config.json");
  EXPECT_EQ(config_error([&] { object.get<int64_t>("none"); }), "m/config.json: field 'none' is missing");
  EXPECT_EQ(config_error([&] { object.get<int64_t>("n"); }),
            "m/config.json: field 'n' has the wrong type: 1.5");
  EXPECT_EQ(config_error([&] { object.get<int64_t>("b"); }),
            "m/config.json: field 'b' has the wrong type: true");
  EXPECT_EQ(config_error([&] { object.get<double>("t"); }),
            "m/config.json: field 't' has the wrong type: \"a\"");
  EXPECT_EQ(config_error([&] { object.dimension("zero"); }),
            "m/config.json: field 'zero' must be at least 1, found 0");
  EXPECT_EQ(config_error([] { JsonObject(Json::array(), "y.json"); }),
            "y.json must hold a JSON object, found array");
}

}  // namespace
}  // namespace ditmesh

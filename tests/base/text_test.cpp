#include "ditmesh/base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;

TEST(Text, CatAndJoin) {
  EXPECT_EQ(cat("got ", 3, ' ', 0.5), "got 3 0.5");
  EXPECT_EQ(join(std::vector<int>{1024, 768}, "x"), "1024x768");
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
}

TEST(Text, Split) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split("a,", ','), ElementsAre("a", ""));
}

TEST(Text, TrimAndLower) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(to_lower_ascii("AzÉ-9"), "azÉ-9") << "only ASCII letters change";
}

template <typename Number>
struct NumberCase {
  const char* text;
  std::optional<Number> value;
};

class Integers : public ::testing::TestWithParam<NumberCase<int64_t>> {};
TEST_P(Integers, AreParsedWhole) { EXPECT_EQ(parse_int(GetParam().text), GetParam().value); }
INSTANTIATE_TEST_SUITE_P(Table, Integers,
                         ::testing::Values(NumberCase<int64_t>{"0", 0}, NumberCase<int64_t>{"-12", -12},
                                           NumberCase<int64_t>{"9223372036854775807", INT64_MAX},
                                           NumberCase<int64_t>{"9223372036854775808", {}},
                                           NumberCase<int64_t>{"", {}}, NumberCase<int64_t>{"1x", {}},
                                           NumberCase<int64_t>{"1.0", {}}, NumberCase<int64_t>{" 1", {}},
                                           NumberCase<int64_t>{"0x10", {}}));

class UnsignedIntegers : public ::testing::TestWithParam<NumberCase<uint64_t>> {};
TEST_P(UnsignedIntegers, AreParsedWhole) { EXPECT_EQ(parse_uint(GetParam().text), GetParam().value); }
INSTANTIATE_TEST_SUITE_P(Table, UnsignedIntegers,
                         ::testing::Values(NumberCase<uint64_t>{"7", 7}, NumberCase<uint64_t>{"-1", {}},
                                           NumberCase<uint64_t>{"18446744073709551615", UINT64_MAX},
                                           NumberCase<uint64_t>{"18446744073709551616", {}}));

class Reals : public ::testing::TestWithParam<NumberCase<double>> {};
TEST_P(Reals, AreParsedWhole) { EXPECT_EQ(parse_double(GetParam().text), GetParam().value); }
INSTANTIATE_TEST_SUITE_P(Table, Reals,
                         ::testing::Values(NumberCase<double>{"3.5", 3.5}, NumberCase<double>{"-1e-3", -1e-3},
                                           NumberCase<double>{"nan", {}}, NumberCase<double>{"inf", {}},
                                           NumberCase<double>{"1e999", {}}, NumberCase<double>{"3,5", {}},
                                           NumberCase<double>{"", {}}));

TEST(Text, NearestIsASlipOfTheFinger) {
  const std::vector<std::string> options = {"height", "width", "steps"};
  EXPECT_EQ(nearest("heigth", options), "height");
  EXPECT_EQ(nearest("step", options), "steps");
  EXPECT_EQ(nearest("x", options), std::nullopt);
  EXPECT_EQ(did_you_mean("wdith", options), " (did you mean 'width'?)");
  EXPECT_EQ(did_you_mean("colour", options), "");
}

TEST(Text, HumanNumbers) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(uint64_t{8} << 30), "8.0 GiB");
  EXPECT_EQ(fixed(2.345, 1), "2.3");
  EXPECT_EQ(fixed(-7, 2), "-7.00");
  EXPECT_EQ(percent(0.525), "52.5 %");
  EXPECT_EQ(percent(1), "100.0 %");
  EXPECT_EQ(human_seconds(12.34), "12.3 s");
  EXPECT_EQ(human_seconds(3725), "1:02:05");
}

TEST(Text, Base64) {
  EXPECT_EQ(base64_decode("", "x"), "");
  EXPECT_EQ(base64_decode("AGE=", "x"), std::string("\0a", 2));
  EXPECT_EQ(base64_decode("YQ==", "x"), "a");
  EXPECT_EQ(base64_decode("YWJj", "x"), "abc");
  for (const char* bad : {"YQ", "Y!==", "YWJ"}) {
    try {
      base64_decode(bad, "the vocabulary");
      ADD_FAILURE() << bad;
    } catch (const ConfigError& error) {
      EXPECT_STREQ(error.what(), "the vocabulary is not valid base64: the file is damaged, fetch it again");
    }
  }
}

}  // namespace
}  // namespace ditmesh

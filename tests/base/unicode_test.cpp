#include "ditmesh/base/unicode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

struct Utf8Case {
  std::string text;
  std::optional<size_t> invalid;
};

class Utf8 : public ::testing::TestWithParam<Utf8Case> {};
TEST_P(Utf8, IsChecked) { EXPECT_EQ(find_invalid_utf8(GetParam().text), GetParam().invalid); }

INSTANTIATE_TEST_SUITE_P(Table, Utf8,
                         ::testing::Values(Utf8Case{"", {}}, Utf8Case{"a é 森 🌲", {}}, Utf8Case{"ab\xFF", 2},
                                           Utf8Case{"a\xC3", 1},             // cut
                                           Utf8Case{"\xC0\xAF", 0},          // overlong
                                           Utf8Case{"x\xED\xA0\x80", 1},     // a surrogate
                                           Utf8Case{"\xF4\x90\x80\x80", 0},  // above U+10FFFF
                                           Utf8Case{std::string("a\0b", 3), {}}));

TEST(Unicode, DecodesAndEncodes) {
  EXPECT_EQ(decode_utf8("a é🌲"), U"a é🌲");
  EXPECT_EQ(encode_utf8(U"a é🌲"), "a é🌲");
  try {
    decode_utf8("ab\xFF");
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "text must be valid UTF-8, byte 2 is not: save it as UTF-8");
  }
}

TEST(Unicode, ComposesAndLowers) {
  EXPECT_EQ(normalize_nfc("e\u0301"), "é");
  EXPECT_EQ(normalize_nfc(""), "");
  EXPECT_EQ(to_lower(U"ÀΣİ"), U"àσi\u0307");
}

TEST(Unicode, KnowsCategories) {
  EXPECT_TRUE(is_letter(U'森') && is_letter(U'é') && !is_letter(U'1') && !is_letter(U'-'));
  EXPECT_TRUE(is_number(U'7') && is_number(U'½') && !is_number(U'a'));
  EXPECT_TRUE(is_white_space(U' ') && is_white_space(U'\n') && is_white_space(U'\u00A0') &&
              is_white_space(U'\u0085'));
  EXPECT_FALSE(is_white_space(U'\u200B'));
  EXPECT_TRUE(is_control(U'\x07') && is_control(U'\u0085') && !is_control(U' '));
}

TEST(Unicode, Printable) {
  EXPECT_EQ(printable("a »red« ring", 100), "a »red« ring");
  EXPECT_EQ(printable("a\nb\r\tc\x1b[31m\x7f", 100), "a\\nb\\r\\tc\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xc2\x9b", 100), "\\xc2\\x9b");  // a control character of two bytes
  EXPECT_EQ(printable("a\xff\xe2\x82", 100), "a\\xff\\xe2\\x82");
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcdef…");
  EXPECT_EQ(printable("abcdeé", 6), "abcde…");
  EXPECT_EQ(printable("abcd\n", 5), "abcd…");
}

}  // namespace
}  // namespace ditmesh

#include "app/ini_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(IniReader, KeepsWhatBelongsToAValue) {
  struct Case {
    std::string text;
    std::vector<IniEntry> expected;
  };
  const Case cases[] = {
      {"", {}},
      {"a = 1", {{"", "a", "1", 1}}},
      {"\xEF\xBB\xBF"
       "a=1\r\nb =2\r\n",
       {{"", "a", "1", 1}, {"", "b", "2", 2}}},
      {"# c\n; c\n\n[s]\na = b #c ; d", {{"s", "a", "b #c ; d", 5}}},
      {"a = \" x \"\nb = 'y'\nc = \"", {{"", "a", " x ", 1}, {"", "b", "y", 2}, {"", "c", "\"", 3}}},
      {"a = x = y", {{"", "a", "x = y", 1}}},
      {"a =", {{"", "a", "", 1}}},
  };
  for (const Case& one : cases) EXPECT_EQ(read_ini(one.text, "job.ini"), one.expected) << one.text;
}

TEST(IniReader, RefusesLinesThatAreNeither) {
  EXPECT_THAT(
      [] { read_ini("a = 1\nsteps 4", "job.ini"); },
      ThrowsMessage<ConfigError>(HasSubstr("job.ini: line 2: expected key = value, found 'steps 4'")));
  EXPECT_THAT([] { read_ini("[generate", "job.ini"); },
              ThrowsMessage<ConfigError>(HasSubstr("line 1: a section must end with ]")));
}

TEST(IniValue, ComesBackAsItWas) {
  for (const std::string value : {"a cat", " a ", "\"quoted\"", "a #b", ""}) {
    const auto entries = read_ini("prompt = " + ini_value(value), "x");
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].value, value);
  }
}

}  // namespace
}  // namespace ditmesh

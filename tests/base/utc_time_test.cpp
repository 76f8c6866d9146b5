#include "ditmesh/base/utc_time.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace ditmesh {
namespace {

TEST(UtcNow, IsNowWhateverTheTimeZone) {
  const std::string text = utc_now();
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  ASSERT_NE(end, nullptr) << text;
  EXPECT_EQ(*end, '\0') << text;
  EXPECT_NEAR(static_cast<double>(::timegm(&parts)), static_cast<double>(std::time(nullptr)), 5) << text;
}

TEST(UtcTime, IsReadBack) {
  for (const std::string text : {"1970-01-01T00:00:00Z", "2026-02-28T23:59:59Z", "2028-02-29T12:00:00Z"}) {
    const auto time = parse_utc(text);
    ASSERT_TRUE(time.has_value()) << text;
    EXPECT_EQ(utc_text(*time), text);
  }
  for (const char* text : {"", "T3", "2026-11-24", "2026-11-24T10:00:00", "2026-11-24T10:00:00Z and more"})
    EXPECT_FALSE(parse_utc(text).has_value()) << text;
}

}  // namespace
}  // namespace ditmesh

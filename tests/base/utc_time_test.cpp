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

}  // namespace
}  // namespace ditmesh

#include "ditmesh/base/error.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ditmesh/base/log.hpp"

namespace ditmesh {
namespace {

TEST(Errors, SayRuleAndRemedyAndDecideTheExitCode) {
  const ConfigError config("--batch must be at least 1, found 0", "correct it");
  EXPECT_STREQ(config.what(), "--batch must be at least 1, found 0: correct it");
  EXPECT_EQ(config.exit_code(), ExitCode::bad_input);
  EXPECT_STREQ(EnvironmentError("the disk is full").what(), "the disk is full");
  EXPECT_EQ(static_cast<int>(EnvironmentError("x").exit_code()), 3);
  EXPECT_EQ(static_cast<int>(CommError("x").exit_code()), 4);
  EXPECT_EQ(static_cast<int>(InternalError("x").exit_code()), 70);
  EXPECT_STREQ(InternalError("a patch has no rows").what(),
               "a patch has no rows: this is a defect of ditmesh, please report it");
}

TEST(Log, GivesMessagesToTheSinkOrDropsThem) {
  Log().warning("nobody listens");
  std::vector<std::string> heard;
  const Log log([&](LogLevel level, const std::string& message) {
    heard.push_back((level == LogLevel::warning ? "warning: " : "info: ") + message);
  });
  log.info("a");
  log.warning("b");
  EXPECT_EQ(heard, (std::vector<std::string>{"info: a", "warning: b"}));
}

}  // namespace
}  // namespace ditmesh

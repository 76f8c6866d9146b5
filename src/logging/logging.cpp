#include "ditmesh/logging/logging.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <iostream>

namespace ditmesh {

Log make_log(const std::string& who) {
  auto logger =
      std::make_shared<spdlog::logger>("ditmesh", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%H:%M:%S %^%l%$ %v");
  const std::string prefix = who.empty() ? who : who + ": ";
  return Log([logger, prefix](LogLevel level, const std::string& message) {
    if (level == LogLevel::warning) {
      logger->warn("{}{}", prefix, message);
    } else {
      logger->info("{}{}", prefix, message);
    }
  });
}

void print_error(const std::string& command, const std::string& message) {
  // One write, so that lines of several processes do not mix.
  std::cerr << "ditmesh " + command + ": error: " + message + "\n" << std::flush;
}

}  // namespace ditmesh

#pragma once
// The logging interface of the lower layers; `app` puts spdlog behind it.

#include <functional>
#include <string>

namespace ditmesh {

enum class LogLevel { info, warning };

/// Where messages go. Default-constructed it drops them, so that libraries and
/// tests need no set-up.
class Log {
 public:
  using Sink = std::function<void(LogLevel, const std::string&)>;

  Log() = default;
  explicit Log(Sink sink) : sink_(std::move(sink)) {}

  void info(const std::string& message) const { say(LogLevel::info, message); }
  void warning(const std::string& message) const { say(LogLevel::warning, message); }

 private:
  void say(LogLevel level, const std::string& message) const {
    if (sink_) sink_(level, message);
  }
  Sink sink_;
};

}  // namespace ditmesh

#include "ditmesh/base/utc_time.hpp"

#include <ctime>

namespace ditmesh {

namespace {

constexpr const char* kForm = "%Y-%m-%dT%H:%M:%SZ";

}  // namespace

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32] = {};
  std::strftime(text, sizeof text, kForm, &utc);
  return text;
}

std::string utc_now() { return utc_text(std::chrono::system_clock::now()); }

std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text) {
  std::tm utc{};
  const char* end = ::strptime(text.c_str(), kForm, &utc);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&utc));
}

}  // namespace ditmesh

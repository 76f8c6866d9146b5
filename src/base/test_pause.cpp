#include "ditmesh/base/test_pause.hpp"

#include <cstdlib>
#include <thread>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

TestPauses::TestPauses(std::string_view text) {
  if (text.empty()) return;
  for (const std::string& pause : split(text, ',')) {
    const auto parts = split(pause, '=');
    const auto time_ms = parts.size() == 2 ? parse_int(parts[1]) : std::nullopt;
    if (!time_ms || *time_ms < 0) {
      throw ConfigError(cat("DITMESH_TEST_PAUSE has the form NAME=MILLISECONDS[,…], found '", pause, "'"),
                        "correct it, or unset it: it is for tests");
    }
    pauses_[parts[0]] = std::chrono::milliseconds(*time_ms);
  }
}

std::chrono::milliseconds TestPauses::at(std::string_view name) const {
  const auto pause = pauses_.find(name);
  return pause == pauses_.end() ? std::chrono::milliseconds(0) : pause->second;
}

void test_pause(std::string_view name) {
  static const char* const text = std::getenv("DITMESH_TEST_PAUSE");
  if (text == nullptr) return;
  static const TestPauses pauses(text);
  std::this_thread::sleep_for(pauses.at(name));
}

}  // namespace ditmesh

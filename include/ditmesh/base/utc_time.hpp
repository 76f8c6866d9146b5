#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace ditmesh {

/// "2026-11-24T17:03:05Z"
std::string utc_text(std::chrono::system_clock::time_point time);
std::string utc_now();

/// Of such a text; nothing for another.
std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text);

}  // namespace ditmesh

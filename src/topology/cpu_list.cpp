#include "ditmesh/topology/cpu_list.hpp"

#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kMaxCores = 1 << 16;

}  // namespace

std::vector<int> parse_cpu_list(std::string_view text, std::string_view what) {
  std::vector<int> cores;
  for (const std::string& item : split(text, ',')) {
    const std::string_view part = trim(item);
    const size_t dash = part.find('-');
    const auto first = parse_int(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_int(part.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kMaxCores) {
      throw ConfigError(
          cat(what, " '", text.substr(0, 80), "' has '", part.substr(0, 40), "', where cores are expected"),
          "it looks like 0-15,32-47");
    }
    for (int64_t core = *first; core <= *last; ++core) cores.push_back(static_cast<int>(core));
  }
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return cores;
}

std::string cpu_list(const std::vector<int>& cores) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < cores.size();) {
    size_t end = i;
    while (end + 1 < cores.size() && cores[end + 1] == cores[end] + 1) ++end;
    parts.push_back(end == i ? cat(cores[i]) : cat(cores[i], "-", cores[end]));
    i = end + 1;
  }
  return join(parts, ",");
}

}  // namespace ditmesh

#include "ditmesh/topology/cpu_list.hpp"

#include "core_set.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

std::vector<int> parse_cpu_list(std::string_view text, std::string_view what) {
  const auto cores = parse_number_list(text);
  if (!cores) {
    throw ConfigError(cat(what, " '", text.substr(0, 80), "' is no list of cores"),
                      "it looks like 0-15,32-47");
  }
  return *cores;
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

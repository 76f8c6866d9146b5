#pragma once

#include <map>
#include <set>
#include <string>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

/// Gives each name once: "numa0", then "numa0-2", "numa0-3", …
class UniqueNames {
 public:
  std::string take(const std::string& name) {
    int& count = counts_[name];
    while (true) {
      const std::string candidate = ++count == 1 ? name : cat(name, "-", count);
      if (taken_.insert(candidate).second) return candidate;
    }
  }

 private:
  std::map<std::string, int> counts_{};
  std::set<std::string> taken_{};
};

}  // namespace ditmesh

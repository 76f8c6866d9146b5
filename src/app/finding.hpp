#pragma once
// What `ditmesh doctor` says.

#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"

namespace ditmesh {

enum class Verdict { ok, warning, wrong };
std::string to_string(Verdict verdict);

struct Finding {
  std::string subject;  // "MPI", "memory"
  Verdict verdict = Verdict::ok;
  std::string what;
  std::string remedy = {};  // of what is not ok
};

/// The worst of them.
Verdict verdict_of(const std::vector<Finding>& findings);

OrderedJson to_json(const std::vector<Finding>& findings);
/// A line each, with the remedy below, for people.
std::string to_text(const std::vector<Finding>& findings);

}  // namespace ditmesh

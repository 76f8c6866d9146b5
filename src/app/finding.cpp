#include "finding.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warning:
      return "warning";
    case Verdict::wrong:
      return "wrong";
  }
  throw InternalError("a finding has no verdict");
}

Verdict verdict_of(const std::vector<Finding>& findings) {
  Verdict worst = Verdict::ok;
  for (const Finding& finding : findings) worst = std::max(worst, finding.verdict);
  return worst;
}

OrderedJson to_json(const std::vector<Finding>& findings) {
  OrderedJson json{{"verdict", to_string(verdict_of(findings))}, {"findings", OrderedJson::array()}};
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"subject", finding.subject},
                                {"verdict", to_string(finding.verdict)},
                                {"what", finding.what},
                                {"remedy", finding.remedy}});
  }
  return json;
}

std::string to_text(const std::vector<Finding>& findings) {
  constexpr int kVerdictWidth = 9;
  constexpr int kSubjectWidth = 13;
  std::ostringstream out;
  int64_t num_warnings = 0;
  int64_t num_wrong = 0;
  for (const Finding& finding : findings) {
    num_warnings += finding.verdict == Verdict::warning ? 1 : 0;
    num_wrong += finding.verdict == Verdict::wrong ? 1 : 0;
    out << std::left << std::setw(kVerdictWidth) << to_string(finding.verdict) << std::setw(kSubjectWidth)
        << finding.subject << finding.what << '\n';
    if (!finding.remedy.empty())
      out << std::string(kVerdictWidth + kSubjectWidth, ' ') << "-> " << finding.remedy << '\n';
  }
  if (num_wrong > 0) {
    out << num_wrong << (num_wrong == 1 ? " thing is wrong" : " things are wrong");
    if (num_warnings > 0) out << ", " << counted(num_warnings, "warning");
    out << '\n';
  } else {
    out << "nothing is wrong" << (num_warnings > 0 ? cat(", ", counted(num_warnings, "warning")) : "")
        << '\n';
  }
  return out.str();
}

}  // namespace ditmesh

#include "ditmesh/dataset/sample.hpp"

#include <ostream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

std::string_view to_string(SampleStatus status) {
  switch (status) {
    case SampleStatus::missing:
      return "missing";
    case SampleStatus::done:
      return "done";
    case SampleStatus::failed:
      return "failed";
  }
  throw InternalError(cat("a sample has the status ", static_cast<int>(status)));
}

std::ostream& operator<<(std::ostream& out, SampleStatus status) { return out << to_string(status); }

}  // namespace ditmesh

#pragma once
// Which rows of /samples meet some conditions.

#include <string>
#include <vector>

#include "column.hpp"
#include "ditmesh/dataset/export_settings.hpp"
#include "hdf5.hpp"

namespace ditmesh {

class SampleFilter {
 public:
  /// Throws ConfigError for a column that is not in the group /samples, or a value that is none of its type.
  SampleFilter(hid_t samples, const std::vector<Condition>& conditions);

  /// Of rows [begin, begin + count).
  std::vector<bool> matches(hid_t samples, size_t begin, size_t count) const;

 private:
  struct Wanted {
    std::string column;
    ColumnKind kind = ColumnKind::text;
    std::string text;
    int64_t integer = 0;
    float number = 0;
    SampleStatus status = SampleStatus::missing;
  };
  static Wanted wanted(hid_t samples, const Condition& condition);

  std::vector<Wanted> all_;
};

}  // namespace ditmesh

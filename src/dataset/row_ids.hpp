#pragma once
// The ids of a manifest's rows are unique: found without holding them.

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hash_parts.hpp"

namespace ditmesh {

/// 16 bytes a row from the first row with an id of its own; almost nothing while there is none.
class RowIds {
 public:
  /// The next row's own id, or nothing: then its number, from 0, is its id.
  void add(std::string_view id, int64_t line);

  /// Throws ConfigError with both lines if two rows have the same id. `id_of` gives the ids of rows whose
  /// hashes are equal.
  void check(const std::string& manifest, const std::function<std::string(int64_t row)>& id_of);

 private:
  struct Entry {
    uint64_t hash = 0;
    int64_t row = 0;
    auto operator<=>(const Entry&) const = default;
  };
  void add_number(int64_t row);
  int64_t line_of(int64_t row) const;

  int64_t num_rows_ = 0;
  bool has_ids_ = false;
  HashParts<Entry> hashes_;
  // (row, its line) wherever a line does not follow that of the row before.
  std::vector<std::pair<int64_t, int64_t>> line_runs_;
};

}  // namespace ditmesh

#include "row_ids.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

void RowIds::add(std::string_view id, int64_t line) {
  const int64_t row = num_rows_++;
  if (line_runs_.empty() || line - row != line_runs_.back().second - line_runs_.back().first) {
    line_runs_.emplace_back(row, line);
  }
  if (!id.empty() && !has_ids_) {
    has_ids_ = true;
    for (int64_t earlier = 0; earlier < row; ++earlier) add_number(earlier);
  }
  if (!id.empty()) {
    hashes_.add({hash_text(id), row});
  } else if (has_ids_) {
    add_number(row);
  }
}

void RowIds::add_number(int64_t row) {
  std::array<char, 20> digits{};
  const char* end = std::to_chars(digits.begin(), digits.end(), row).ptr;
  hashes_.add({hash_text({digits.data(), static_cast<size_t>(end - digits.data())}), row});
}

int64_t RowIds::line_of(int64_t row) const {
  const auto behind = std::upper_bound(line_runs_.begin(), line_runs_.end(), row,
                                       [](int64_t wanted, const auto& run) { return wanted < run.first; });
  const auto& [first_row, first_line] = *(behind - 1);
  return first_line + row - first_row;
}

void RowIds::check(const std::string& manifest, const std::function<std::string(int64_t row)>& id_of) {
  hashes_.take_runs([&](auto begin, auto end) {
    for (auto a = begin; a != end; ++a) {
      for (auto b = a + 1; b != end; ++b) {
        const std::string id = id_of(a->row);
        if (id != id_of(b->row)) continue;
        throw ConfigError(cat(manifest, ": ids must be unique, '", id, "' is that of line ", line_of(a->row),
                              " and of line ", line_of(b->row)),
                          "change one of them (a row without an id has its number, from 0)");
      }
    }
  });
}

}  // namespace ditmesh

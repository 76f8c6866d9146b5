#pragma once
// The rows of an index, looked up by (row, copy) and read a block at a time.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "column.hpp"
#include "hdf5.hpp"

namespace ditmesh {

class IndexRows {
 public:
  /// Reads the columns `row` and `copy`: 12 bytes a sample.
  explicit IndexRows(hid_t file);

  size_t size() const { return rows_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  /// In manifest order, no sample twice: what find() relies on.
  bool is_sorted() const;
  std::optional<size_t> find(int64_t row, int64_t copy) const;

  /// Where row i of the index is in block(i).
  static size_t row_in_block(size_t i) { return i % kColumnChunkRows; }
  /// All columns of the rows of the chunk that row i stands in. The last one asked for is kept.
  const std::map<std::string, Column>& block(size_t i);

 private:
  Hdf5Handle group_;
  std::vector<std::string> columns_;
  std::vector<int64_t> rows_;
  std::vector<int32_t> copies_;
  std::optional<size_t> block_number_;
  std::map<std::string, Column> block_;
};

}  // namespace ditmesh

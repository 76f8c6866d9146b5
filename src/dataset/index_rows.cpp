#include "index_rows.hpp"

#include <algorithm>

namespace ditmesh {

IndexRows::IndexRows(hid_t file)
    : group_(open_group(file, "samples")),
      columns_(member_names(group_.get())),
      rows_(Column::read(group_.get(), "row").ints()) {
  copies_.reserve(rows_.size());
  for (const int64_t copy : Column::read_rows(group_.get(), "copy", 0, rows_.size()).ints()) {
    copies_.push_back(static_cast<int32_t>(copy));
  }
}

bool IndexRows::is_sorted() const {
  for (size_t i = 1; i < rows_.size(); ++i) {
    if (rows_[i - 1] > rows_[i] || (rows_[i - 1] == rows_[i] && copies_[i - 1] >= copies_[i])) return false;
  }
  return true;
}

std::optional<size_t> IndexRows::find(int64_t row, int64_t copy) const {
  const auto [first, last] = std::equal_range(rows_.begin(), rows_.end(), row);
  const auto first_copy = copies_.begin() + (first - rows_.begin());
  const auto last_copy = copies_.begin() + (last - rows_.begin());
  const auto place = std::lower_bound(first_copy, last_copy, copy);
  if (place == last_copy || *place != copy) return std::nullopt;
  return static_cast<size_t>(place - copies_.begin());
}

const std::map<std::string, Column>& IndexRows::block(size_t i) {
  const size_t number = i / kColumnChunkRows;
  if (block_number_ == number) return block_;
  block_number_.reset();
  block_.clear();
  const size_t begin = number * kColumnChunkRows;
  const size_t count = std::min(kColumnChunkRows, rows_.size() - begin);
  for (const std::string& name : columns_) {
    block_.emplace(name, Column::read_rows(group_.get(), name, begin, count));
  }
  block_number_ = number;
  return block_;
}

}  // namespace ditmesh

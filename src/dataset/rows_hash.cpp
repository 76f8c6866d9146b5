#include "rows_hash.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace ditmesh {

namespace {

constexpr size_t kPendingBytes = size_t{1} << 16;

}  // namespace

void RowsHash::add(const ManifestRow& row, const std::vector<std::string>& further_columns) {
  unsigned given = 0;
  unsigned bit = 1;
  const auto mark = [&](const auto& value) {
    if (value) given |= bit;
    bit <<= 1;
  };
  const auto all = [&](const auto& use) {
    use(row.seed);
    use(row.height);
    use(row.width);
    use(row.steps);
    use(row.guidance);
    use(row.true_cfg);
  };
  all(mark);
  append_number(static_cast<uint8_t>(given));
  append(row.id);
  append(row.prompt);
  append(row.negative_prompt);
  all([&](const auto& value) {
    if (value) append_number(*value);
  });
  append_further(row, further_columns);
  if (pending_.size() >= kPendingBytes) flush();
}

void RowsHash::append_further(const ManifestRow& row, const std::vector<std::string>& further_columns) {
  const auto num_cells = std::count_if(row.further.begin(), row.further.end(),
                                       [](const std::string& cell) { return !cell.empty(); });
  append_number(static_cast<uint32_t>(num_cells));
  if (num_cells == 0) return;
  if (order_.size() != further_columns.size()) {
    order_.resize(further_columns.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](size_t a, size_t b) { return further_columns[a] < further_columns[b]; });
  }
  for (const size_t i : order_) {
    if (i >= row.further.size() || row.further[i].empty()) continue;
    append(further_columns[i]);
    append(row.further[i]);
  }
}

void RowsHash::append(std::string_view text) {
  append_number(static_cast<uint32_t>(text.size()));
  pending_ += text;
}

template <typename Number>
void RowsHash::append_number(Number number) {
  pending_.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void RowsHash::flush() {
  hash_.update(pending_);
  pending_.clear();
}

std::string RowsHash::hex_digest() {
  flush();
  return hash_.clone().hex_digest();
}

}  // namespace ditmesh

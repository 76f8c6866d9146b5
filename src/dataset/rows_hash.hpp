#pragma once
// The hash of what a manifest says, whatever its format: ManifestInfo::rows_sha256.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/base/hash.hpp"
#include "ditmesh/dataset/manifest.hpp"

namespace ditmesh {

/// SHA-256 over, for each row:
///   1 byte: which of seed, height, width, steps, guidance, true_cfg are given (bits 0 to 5)
///   id (empty where the number is the id), prompt, negative prompt
///   the given ones of seed (8 bytes), height, width, steps, guidance, true_cfg (4 bytes each)
///   4 bytes: how many further cells are not empty; of these name and text, sorted by name
/// A text is its length (4 bytes) and its UTF-8. Numbers are little-endian.
class RowsHash {
 public:
  void add(const ManifestRow& row, const std::vector<std::string>& further_columns);

  /// Of the rows so far; more may follow.
  std::string hex_digest();

 private:
  void append(std::string_view text);
  template <typename Number>
  void append_number(Number number);
  void append_further(const ManifestRow& row, const std::vector<std::string>& further_columns);
  void flush();

  Sha256 hash_;
  std::string pending_;        // what hash_ has not got yet: it is quicker with much at a time
  std::vector<size_t> order_;  // of the further columns by name
};

}  // namespace ditmesh

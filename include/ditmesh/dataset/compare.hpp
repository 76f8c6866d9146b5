#pragma once
// Two datasets, sample by sample: what differs, and by how much.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/reader.hpp"

namespace ditmesh {

/// The difference of two pictures of one size.
struct PixelDifference {
  int32_t max_abs = 0;  // 0 … 255
  double psnr_db = 0;   // 10 log10(255² / mean squared error); infinite if identical
};

PixelDifference pixel_difference(const Image& a, const Image& b);

struct ComparedPair {
  std::string id;
  int32_t copy = 0;
  int64_t row_in_a = 0;  // indices into Dataset::rows
  int64_t row_in_b = 0;
  PixelDifference difference;
};

struct Comparison {
  int64_t num_compared = 0;   // done in both, same size
  int64_t num_identical = 0;  // of these, pixel for pixel
  int64_t num_other_size = 0;
  int64_t num_not_done_in_both = 0;
  std::vector<std::string> only_in_a;  // "id #copy"; at most kMaxListed, see the counts
  std::vector<std::string> only_in_b;
  int64_t num_only_in_a = 0;
  int64_t num_only_in_b = 0;
  int32_t max_abs = 0;
  /// Over the pairs that differ; nothing if none does.
  std::optional<double> psnr_min_db;
  /// Over all compared pairs (identical ones count as infinite).
  std::optional<double> psnr_median_db;
  std::vector<ComparedPair> worst;  // lowest PSNR first

  /// Same samples, same pixels.
  bool identical() const;
  /// Every pair was compared and has at least this PSNR.
  bool at_least(double min_psnr_db) const;
};

/// Longest list of samples that stand in only one dataset.
inline constexpr size_t kMaxListed = 20;

/// Rows are matched by (id, copy). Reads every picture of both, but for pairs
/// whose recorded SHA-256 is the same.
Comparison compare_datasets(const Dataset& a, const Dataset& b, size_t num_worst = 8);

OrderedJson to_json(const Comparison& comparison);
/// Several lines, for people.
std::string to_text(const Comparison& comparison);

/// The worst pairs, one a line: A, B, and the difference made visible, with
/// their captions. Throws ConfigError if no pair differs.
Image worst_pairs_picture(const Dataset& a, const Dataset& b, const Comparison& comparison);

}  // namespace ditmesh

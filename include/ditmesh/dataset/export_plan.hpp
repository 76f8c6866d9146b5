#pragma once
// Which samples an export holds, and which runs of them are written as a whole.
//
// Example: --split test=0.1,train=0.9 --samples-per-tar 4, six samples of train and one of test:
//   test  00000.tar: row 5          train 00000.tar: rows 0 1 2 3, 00001.tar: rows 4 6

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ditmesh/dataset/export_settings.hpp"

namespace ditmesh {

/// A tar, a folder of PNG files, or an HDF5 file.
struct ExportPiece {
  size_t split = 0;
  int64_t number = 0;  // within the split
  int64_t begin = 0;   // in the split's rows
  int64_t end = 0;

  bool operator==(const ExportPiece&) const = default;
};

struct ExportPlan {
  /// "" where there are no splits.
  std::vector<std::string> split_names;
  /// Rows of the index that have pictures and meet the conditions, by split, ascending: 4 bytes a sample.
  std::vector<std::vector<uint32_t>> rows;
  std::vector<ExportPiece> pieces;  // split after split
  int64_t num_matching = 0;         // rows that meet the conditions
  int64_t num_without_pixels = 0;   // of these, not done
  bool has_copies = false;          // some row of the index is a second copy

  int64_t num_pictures() const { return num_matching - num_without_pixels; }
  std::span<const uint32_t> rows_of(const ExportPiece& piece) const;
  /// Whether the split is one piece only.
  bool is_alone(const ExportPiece& piece) const;

  bool operator==(const ExportPlan&) const = default;
};

/// Pictures in a folder at most.
inline constexpr int64_t kPicturesPerFolder = 1000;

/// Cuts rows into pieces: what plan_export() does with what it found. Throws ConfigError for more than 99,999
/// tars.
std::vector<ExportPiece> cut_pieces(const std::vector<std::vector<uint32_t>>& rows,
                                    const ExportSettings& settings);

/// Reads ids, status and the columns of the conditions, a block at a time. `path`: OUTPUT or
/// OUTPUT/dataset.h5. Throws ConfigError for conditions that cannot work, and if no picture meets them.
ExportPlan plan_export(const std::filesystem::path& path, const ExportSettings& settings);

}  // namespace ditmesh

#pragma once
// Between the readers of the formats and the sink: checks what only shows over rows, and ends at the limit.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/dataset/manifest.hpp"
#include "row_ids.hpp"
#include "rows_hash.hpp"

namespace ditmesh {

/// Nothing but blanks.
bool is_blank(std::string_view line);

class ManifestBuilder {
 public:
  /// Throws ConfigError for a limit below 1.
  ManifestBuilder(std::string name, const ManifestOptions& options, ManifestSink& sink);

  bool full() const { return limit_ && info_.num_rows >= *limit_; }
  void skip_blank_line() { ++info_.num_blank_lines; }

  /// Throws ConfigError if the prompt is empty.
  void add(const ManifestRow& row, int64_t line, const std::vector<std::string>& further_columns);

  /// Throws ConfigError if there was no row, or two with the same id.
  ManifestInfo finish(std::vector<std::string> further_columns, std::string sha256);

 private:
  ManifestInfo info_;
  std::optional<int64_t> limit_;
  std::optional<OlderManifest> older_;
  ManifestSink& sink_;
  RowIds ids_;
  RowsHash hash_;
};

}  // namespace ditmesh

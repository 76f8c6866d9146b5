#pragma once
// What the columns of a manifest mean, and their cells as checked values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/dataset/manifest.hpp"

namespace ditmesh {

enum class ManifestField { id, prompt, negative_prompt, seed, height, width, steps, guidance, true_cfg };

/// Maps names of columns to fields, and keeps the names of all others.
class ManifestColumns {
 public:
  ManifestColumns(std::string manifest, std::string prompt_column)
      : manifest_(std::move(manifest)), prompt_column_(std::move(prompt_column)) {}

  struct Column {
    std::string name;  // as in the file
    std::optional<ManifestField> field;
    size_t further_index = 0;  // without a field
  };

  /// The column of this name, made at first sight. Throws ConfigError if it
  /// means the same as an earlier one, or has a name that cannot be stored.
  const Column& find_or_add(const std::string& name);

  /// Whether a column of exactly this name was seen.
  bool has(const std::string& name) const;

  /// Throws ConfigError, naming the columns there are, if none is the prompt.
  void require_prompt(const std::string& where) const;

  /// Puts a cell where it belongs, and something else into `cell`. Throws
  /// ConfigError with line, column, value.
  void set(ManifestRow& row, const Column& column, std::string& cell, int64_t line) const;

  const std::vector<std::string>& further_columns() const { return further_columns_; }

 private:
  std::optional<ManifestField> field_of(const std::string& name) const;
  std::string stored_name(const std::string& name) const;

  std::string manifest_;
  std::string prompt_column_;
  std::vector<Column> columns_;
  std::vector<std::string> further_columns_;
};

}  // namespace ditmesh

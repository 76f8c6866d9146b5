#pragma once
// What an export is to be: its format, which samples, which parts.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/split.hpp"

namespace ditmesh {

enum class ExportFormat { png, webdataset, hdf5, contact_sheet };

/// "png", "webdataset", "hdf5", "contact-sheet".
std::string_view to_string(ExportFormat format);
/// Throws ConfigError for another text.
ExportFormat parse_export_format(std::string_view text);

/// A column of /samples must have this value: of text columns the text, of numbers the number, of `status`
/// its name.
struct Condition {
  std::string column;
  std::string value;

  /// "COLUMN=VALUE": the value is all that follows the first '='. Throws ConfigError without one.
  static Condition parse(std::string_view text);
  auto operator<=>(const Condition&) const = default;
};

struct ExportSettings {
  ExportFormat format = ExportFormat::png;
  std::vector<Condition> where;  // all of them must hold
  Splits splits;
  int64_t samples_per_tar = 1000;
  /// Every picture is compared with its hash, and the dataset must be complete; else what can be read is
  /// taken as it is.
  bool is_verified = true;

  /// All that decides what the export holds; the order of conditions does not.
  OrderedJson to_json() const;
};

/// Settings that differ between two of to_json(), one sentence each: "--format was png, is hdf5 now".
std::vector<std::string> setting_differences(const OrderedJson& before, const OrderedJson& now);

}  // namespace ditmesh

#include "manifest_builder.hpp"

#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

bool is_blank(std::string_view line) { return trim(line).empty(); }

ManifestBuilder::ManifestBuilder(std::string name, const ManifestOptions& options, ManifestSink& sink)
    : limit_(options.limit), older_(options.older), sink_(sink) {
  info_.name = std::move(name);
  if (limit_ && *limit_ < 1) {
    throw ConfigError(cat("--limit must be at least 1, found ", *limit_), "leave it out for all rows");
  }
}

void ManifestBuilder::add(const ManifestRow& row, int64_t line,
                          const std::vector<std::string>& further_columns) {
  if (is_blank(row.prompt)) {
    throw ConfigError(cat(info_.name, ": line ", line, ": the prompt is empty"),
                      "write one, or remove the line");
  }
  ids_.add(row.id, line);
  hash_.add(row, further_columns);
  sink_.add(row, info_.num_rows);
  ++info_.num_rows;
  if (older_ && info_.num_rows == older_->num_rows) {
    info_.extends_older = hash_.hex_digest() == older_->rows_sha256;
  }
}

ManifestInfo ManifestBuilder::finish(std::vector<std::string> further_columns, std::string sha256) {
  if (info_.num_rows == 0) {
    throw ConfigError(cat(info_.name, ": a manifest needs at least one prompt, found none"),
                      "write one prompt a line");
  }
  info_.further_columns = std::move(further_columns);
  info_.sha256 = std::move(sha256);
  info_.rows_sha256 = hash_.hex_digest();
  sink_.finish(info_.further_columns);
  ids_.check(info_.name, [&](int64_t row) { return sink_.id(row); });
  return std::move(info_);
}

}  // namespace ditmesh

#include "ditmesh/dataset/export_plan.hpp"

#include <algorithm>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "index_file.hpp"
#include "sample_filter.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kMaxTars = 99'999;  // %05d

// Samples of a piece at most; 0: all.
int64_t piece_size(const ExportSettings& settings) {
  switch (settings.format) {
    case ExportFormat::png:
      return kPicturesPerFolder;
    case ExportFormat::webdataset:
      return settings.samples_per_tar;
    case ExportFormat::hdf5:
    case ExportFormat::contact_sheet:
      break;
  }
  return 0;
}

[[noreturn]] void refuse_nothing(const ExportPlan& plan, size_t num_rows, const ExportSettings& settings) {
  const auto total = static_cast<int64_t>(num_rows);
  if (settings.where.empty()) {
    throw ConfigError(cat("none of ", counted(total, "sample"), " is done: there is no picture to export"),
                      "let the job make some first");
  }
  std::vector<std::string> conditions;
  for (const Condition& condition : settings.where)
    conditions.push_back(cat(condition.column, "=", condition.value));
  throw ConfigError(cat("of ", counted(total, "sample"), ", ", plan.num_matching, " meet --where ",
                        join(conditions, " and "), ", none of them has a picture"),
                    "give other conditions");
}

}  // namespace

std::span<const uint32_t> ExportPlan::rows_of(const ExportPiece& piece) const {
  return std::span(rows.at(piece.split))
      .subspan(static_cast<size_t>(piece.begin), static_cast<size_t>(piece.end - piece.begin));
}

bool ExportPlan::is_alone(const ExportPiece& piece) const {
  return static_cast<size_t>(piece.end - piece.begin) == rows.at(piece.split).size();
}

std::vector<ExportPiece> cut_pieces(const std::vector<std::vector<uint32_t>>& rows,
                                    const ExportSettings& settings) {
  std::vector<ExportPiece> pieces;
  for (size_t split = 0; split < rows.size(); ++split) {
    const auto count = static_cast<int64_t>(rows[split].size());
    const int64_t size = piece_size(settings) == 0 ? std::max<int64_t>(count, 1) : piece_size(settings);
    const int64_t num_pieces = std::max<int64_t>(1, (count + size - 1) / size);
    if (settings.format == ExportFormat::webdataset && num_pieces > kMaxTars) {
      throw ConfigError(cat(counted(count, "sample"), " of ", size, " a tar make ", num_pieces,
                            " tars, their names have room for ", kMaxTars),
                        cat("give --samples-per-tar ", (count + kMaxTars - 1) / kMaxTars, " or more"));
    }
    for (int64_t number = 0; number < num_pieces; ++number)
      pieces.push_back({split, number, number * size, std::min(count, (number + 1) * size)});
  }
  return pieces;
}

ExportPlan plan_export(const std::filesystem::path& path, const ExportSettings& settings) {
  const IndexFile index = open_index(path);
  const Hdf5Handle samples = open_group(index.file.get(), "samples");
  const SampleFilter filter(samples.get(), settings.where);
  ExportPlan plan;
  plan.split_names = settings.splits.empty() ? std::vector<std::string>{""} : settings.splits.names();
  plan.rows.resize(plan.split_names.size());
  const size_t num_rows = shape_of(open_dataset(samples.get(), "row").get()).at(0);
  for (size_t begin = 0; begin < num_rows; begin += kColumnChunkRows) {
    const size_t count = std::min(kColumnChunkRows, num_rows - begin);
    const auto matches = filter.matches(samples.get(), begin, count);
    const auto statuses = Column::read_rows(samples.get(), "status", begin, count).statuses();
    const auto copies = Column::read_rows(samples.get(), "copy", begin, count).ints();
    std::vector<std::string> ids;
    if (!settings.splits.empty()) ids = Column::read_rows(samples.get(), "id", begin, count).texts();
    for (size_t i = 0; i < count; ++i) {
      plan.has_copies = plan.has_copies || copies[i] > 0;
      if (!matches[i]) continue;
      ++plan.num_matching;
      if (statuses[i] != SampleStatus::done) {
        ++plan.num_without_pixels;
        continue;
      }
      const size_t split = ids.empty() ? 0 : settings.splits.of(ids[i]);
      plan.rows[split].push_back(static_cast<uint32_t>(begin + i));
    }
  }
  if (plan.num_pictures() == 0) refuse_nothing(plan, num_rows, settings);
  plan.pieces = cut_pieces(plan.rows, settings);
  return plan;
}

}  // namespace ditmesh

#include "ditmesh/dataset/reader.hpp"

#include <set>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "hdf5.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

std::filesystem::path index_path(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw ConfigError(cat("there is no dataset ", path), "check the path");
  if (!std::filesystem::is_directory(path)) return path;
  if (std::filesystem::exists(path / "dataset.h5")) return path / "dataset.h5";
  if (std::filesystem::exists(path / "shards")) {
    throw ConfigError(cat(path, " has shards but no dataset.h5"),
                      cat("make it with ditmesh index ", path.string(), ", or let ditmesh generate finish"));
  }
  throw ConfigError(cat(path, " is not a dataset: it has no dataset.h5"),
                    "give the folder that ditmesh generate wrote to");
}

}  // namespace

struct Dataset::OpenShard {
  ShardFile file;
};

Dataset::Dataset(const std::filesystem::path& path) {
  const std::filesystem::path index = index_path(path);
  folder_ = index.parent_path();
  if (!is_hdf5_file(index)) {
    throw ConfigError(cat(index, " is not an HDF5 file"), "give the folder that ditmesh generate wrote to");
  }
  const Hdf5Handle file = open_hdf5_file(index);
  if (!has_attribute(file.get(), "content_hash")) {
    throw ConfigError(cat(index, " is not the index of a dataset: it has no attribute content_hash"),
                      "give the folder that ditmesh generate wrote to");
  }
  check_format_version(file.get(), index);
  content_hash_ = read_text_attribute(file.get(), "content_hash");
  SampleTable table = read_samples(file.get());
  rows_ = std::move(table.rows);
  further_columns_ = std::move(table.further_columns);
}

Dataset::~Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;

StatusCounts Dataset::counts() const {
  StatusCounts counts;
  for (const DatasetRow& row : rows_) counts.add(row.status);
  return counts;
}

void Dataset::require_shards() const {
  std::set<std::string_view> seen;
  for (const DatasetRow& row : rows_) {
    if (row.status != SampleStatus::done || !seen.insert(row.shard).second) continue;
    const std::filesystem::path path = folder_ / "shards" / (row.shard + ".h5");
    if (!std::filesystem::exists(path)) {
      throw EnvironmentError(cat("the index names the shard ", path, ", which is not there"),
                             "bring the shard back, or run ditmesh generate again with the job's settings");
    }
  }
}

Dataset::OpenShard& Dataset::open_shard(const DatasetRow& row) const {
  if (row.status != SampleStatus::done) {
    throw ConfigError(
        cat("sample '", row.sample.id, "' copy ", row.sample.copy, " is ", row.status, ": it has no pixels"),
        "look at the column status first");
  }
  if (!open_shard_ || open_shard_->file.name() != row.shard) {
    open_shard_.reset();
    open_shard_ = std::make_unique<OpenShard>(OpenShard{ShardFile(folder_, row.shard, row.bucket)});
  }
  return *open_shard_;
}

Image Dataset::pixels(int64_t i) const { return open_shard(row(i)).file.read_image(row(i).index_in_shard); }

std::optional<Latents> Dataset::latents(int64_t i) const {
  const ShardFile& file = open_shard(row(i)).file;
  if (!file.has_latents()) return std::nullopt;
  return file.read_latents(row(i).index_in_shard);
}

VerifyReport verify_dataset(const Dataset& dataset) {
  VerifyReport report;
  report.counts = dataset.counts();
  ContentHash hash;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const DatasetRow& row = dataset.row(i);
    std::string sha256;
    if (row.status == SampleStatus::done) {
      try {
        sha256 = pixel_sha256(dataset.pixels(i));
        if (sha256 != row.sha256) {
          report.problems.push_back(cat("sample '", row.sample.id, "' copy ", row.sample.copy, " in shard ",
                                        row.shard, ": the pixels have the SHA-256 ", sha256, ", recorded is ",
                                        row.sha256));
        }
      } catch (const EnvironmentError& error) {
        report.problems.push_back(
            cat("sample '", row.sample.id, "' copy ", row.sample.copy, ": ", error.what()));
      }
    }
    hash.add(row.sample.id, row.sample.copy, sha256);
  }
  report.content_hash = hash.hex_digest();
  if (report.content_hash != dataset.content_hash()) {
    report.problems.push_back(cat("the pixels give the content hash ", report.content_hash,
                                  ", the index says ", dataset.content_hash()));
  }
  return report;
}

}  // namespace ditmesh

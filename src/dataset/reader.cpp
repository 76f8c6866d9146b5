#include "ditmesh/dataset/reader.hpp"

#include <set>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "hdf5.hpp"
#include "index_file.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"

namespace ditmesh {

struct Dataset::OpenShard {
  ShardFile file;
};

Dataset::Dataset(const std::filesystem::path& path) {
  const IndexFile index = open_index(path);
  folder_ = index.folder;
  content_hash_ = read_text_attribute(index.file.get(), "content_hash");
  image_format_ = read_image_format(index.file.get(), folder_ / "dataset.h5");
  SampleTable table = read_samples(index.file.get());
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
    const std::filesystem::path path = shard_path(folder_, row.shard);
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

}  // namespace ditmesh

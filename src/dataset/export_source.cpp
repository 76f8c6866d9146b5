#include "export_source.hpp"

#include <algorithm>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/text.hpp"
#include "sample_table.hpp"

namespace ditmesh {

namespace {

// Rows of the index in memory: about 500 bytes each, and their prompts.
constexpr size_t kBlockRows = 8192;
// Manifest order goes through the shards of as many buckets side by side.
constexpr size_t kMaxOpenShards = 16;

std::string name_of(const DatasetRow& row) {
  return cat("sample '", row.sample.id, "' copy ", row.sample.copy, " in the shard ", row.shard);
}

void check_hash(const DatasetRow& row, std::string_view what, const std::string& found,
                const std::string& recorded) {
  if (found == recorded) return;
  throw EnvironmentError(
      cat(name_of(row), ": ", what, " the SHA-256 ", found, ", recorded is ", recorded),
      cat("bring the shard back from a copy, or remove it and make its samples again; ", kUnverified));
}

}  // namespace

ExportSource::ExportSource(const std::filesystem::path& path, bool is_verified)
    : index_(open_index(path)),
      is_verified_(is_verified),
      format_(read_image_format(index_.file.get(), index_.folder / "dataset.h5")),
      further_columns_(read_samples(index_.file.get(), 0, 0).further_columns) {}

const DatasetRow& ExportSource::row(size_t i) {
  if (i < block_begin_ || i >= block_begin_ + block_.size()) {
    block_.clear();
    block_begin_ = i / kBlockRows * kBlockRows;
    const size_t num_rows = shape_of(open_dataset(open_group(index(), "samples").get(), "row").get()).at(0);
    block_ = read_samples(index(), block_begin_, std::min(kBlockRows, num_rows - block_begin_)).rows;
  }
  return block_.at(i - block_begin_);
}

const ShardFile& ExportSource::shard(const DatasetRow& row) {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const ShardFile& file) { return file.name() == row.shard; });
  if (found != open_.end()) {
    open_.splice(open_.begin(), open_, found);
  } else {
    if (open_.size() == kMaxOpenShards) open_.pop_back();
    open_.emplace_front(index_.folder, row.shard, row.bucket);
  }
  return open_.front();
}

StoredPicture ExportSource::read_checked(const DatasetRow& row) {
  StoredPicture picture;
  try {
    const ShardFile& file = shard(row);
    if (format_.is_raw()) {
      picture.image = file.read_image(row.index_in_shard);
    } else {
      picture.encoded = file.read_encoded(row.index_in_shard);
    }
    if (file.has_latents()) picture.latents = file.read_latents(row.index_in_shard);
    // Nothing else would notice bytes that are no picture.
    if (!is_verified_ && !format_.is_raw()) file.decode(picture.encoded, row.index_in_shard);
  } catch (const EnvironmentError& error) {
    throw EnvironmentError(cat(name_of(row), ": ", error.what()), kUnverified);
  }
  if (!is_verified_) return picture;
  if (format_.is_raw()) {
    check_hash(row, "the pixels have", pixel_sha256(picture.image), row.sha256);
  } else {
    check_hash(row, "the encoded picture has", sha256_hex(picture.encoded), row.encoded_sha256);
  }
  return picture;
}

std::optional<StoredPicture> ExportSource::read(const DatasetRow& row, PieceResult& result) {
  try {
    return read_checked(row);
  } catch (const EnvironmentError& error) {
    if (is_verified_) throw;
    if (result.num_unreadable == 0) result.first_unreadable = name_of(row);
    ++result.num_unreadable;
    return std::nullopt;
  }
}

Image ExportSource::decode(StoredPicture picture, const DatasetRow& row) {
  if (format_.is_raw()) return std::move(picture.image);
  return shard(row).decode(picture.encoded, row.index_in_shard);
}

}  // namespace ditmesh

#pragma once
// What an export reads: rows of the index a block at a time, and their pictures, compared with their hashes.

#include <cstdint>
#include <filesystem>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/dataset/export.hpp"
#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "index_file.hpp"
#include "shard_file.hpp"

namespace ditmesh {

/// The remedy, or its other half, for what a verified export refuses.
inline constexpr const char* kUnverified = "or add --unverified to export what can be read, as it is";

/// A picture as its shard holds it.
struct StoredPicture {
  Image image;          // of a raw dataset
  std::string encoded;  // of any other
  std::optional<Latents> latents;
};

/// One thread at a time.
class ExportSource {
 public:
  /// `is_verified`: as ExportSettings has it. Throws ConfigError if `path` is no dataset.
  ExportSource(const std::filesystem::path& path, bool is_verified);

  hid_t index() const { return index_.file.get(); }
  const ImageFormat& image_format() const { return format_; }
  const std::vector<std::string>& further_columns() const { return further_columns_; }

  /// Row `i` of the index; it stays until another is asked for.
  const DatasetRow& row(size_t i);

  /// The picture of a done row. Throws EnvironmentError naming the sample if it cannot be read or has not its
  /// recorded hash; unverified it is counted in `result` then, and nothing is returned.
  std::optional<StoredPicture> read(const DatasetRow& row, PieceResult& result);
  /// Its pixels.
  Image decode(StoredPicture picture, const DatasetRow& row);

 private:
  StoredPicture read_checked(const DatasetRow& row);
  const ShardFile& shard(const DatasetRow& row);

  IndexFile index_;
  bool is_verified_;
  ImageFormat format_;
  std::vector<std::string> further_columns_;
  size_t block_begin_ = 0;
  std::vector<DatasetRow> block_;
  std::list<ShardFile> open_;  // the one used last in front
};

}  // namespace ditmesh

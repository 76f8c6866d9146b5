#pragma once
// A finished dataset, read.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/sample.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

/// A row of /samples.
struct DatasetRow {
  Sample sample;
  SampleStatus status = SampleStatus::missing;
  std::string error;
  std::string sha256;          // of the pixels as they were made; empty unless done
  std::string encoded_sha256;  // of the bytes in the shard; empty unless done, and where pictures are raw
  float device_seconds = 0;
  int32_t attempt = 0;  // of the job, that made it
  std::string bucket;   // "1024x768"
  int64_t index_in_bucket = 0;
  std::string shard;  // "1024x768-000000"
  int64_t index_in_shard = 0;
};

/// Reads the index once, and pixels from the shards as they are asked for (one
/// shard file open at a time). One thread at a time.
class Dataset {
 public:
  /// `path`: OUTPUT or OUTPUT/dataset.h5. Throws ConfigError if that is no dataset.
  explicit Dataset(const std::filesystem::path& path);
  ~Dataset();
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;

  const std::filesystem::path& folder() const { return folder_; }
  int64_t size() const { return static_cast<int64_t>(rows_.size()); }
  const std::vector<DatasetRow>& rows() const { return rows_; }
  const DatasetRow& row(int64_t i) const { return rows_.at(static_cast<size_t>(i)); }
  const std::vector<std::string>& further_columns() const { return further_columns_; }
  const std::string& content_hash() const { return content_hash_; }
  const ImageFormat& image_format() const { return image_format_; }
  StatusCounts counts() const;

  /// Throws EnvironmentError if a shard that holds a picture is not there.
  void require_shards() const;

  /// Throws EnvironmentError if the shard is missing or damaged, ConfigError
  /// if the sample has no pixels. Of a format with losses: what it left of them.
  Image pixels(int64_t i) const;
  /// Nothing if the dataset was made without --save-latents.
  std::optional<Latents> latents(int64_t i) const;

 private:
  struct OpenShard;
  OpenShard& open_shard(const DatasetRow& row) const;

  std::filesystem::path folder_;
  std::vector<DatasetRow> rows_;
  std::vector<std::string> further_columns_;
  std::string content_hash_;
  ImageFormat image_format_;
  mutable std::unique_ptr<OpenShard> open_shard_;
};

}  // namespace ditmesh

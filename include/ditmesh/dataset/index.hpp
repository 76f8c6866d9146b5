#pragma once
// The index, OUTPUT/dataset.h5: every column in manifest order, and ways to the
// pixels in the shards. Made from the shards alone, at any time.

#include <cstdint>
#include <filesystem>
#include <string>

#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

struct IndexOptions {
  /// Pictures in /preview at most; 0: no preview.
  int64_t preview_pictures = 24;
  /// Shards of a bucket up to which `images` and `latents` are virtual.
  int64_t max_virtual_shards = kMaxVirtualShards;
};

struct IndexResult {
  std::string content_hash;
  StatusCounts counts;
  int64_t num_shards = 0;
};

/// Writes OUTPUT/dataset.h5 over all files in OUTPUT/shards. Throws ConfigError
/// if there are none or two hold the same sample, EnvironmentError if a shard
/// cannot be read.
IndexResult write_index(const std::filesystem::path& output, const IndexOptions& options = {},
                        const Log& log = {});

/// SHA-256 over one line `["id",copy,"sha256"]` + "\n" per sample in row order;
/// the sha256 of a sample without pixels is "". A function of ids and pixels,
/// never of files, shards or ranks.
class ContentHash {
 public:
  void add(const std::string& id, int32_t copy, const std::string& sha256);
  std::string hex_digest() { return hash_.hex_digest(); }

 private:
  Sha256 hash_;
};

}  // namespace ditmesh

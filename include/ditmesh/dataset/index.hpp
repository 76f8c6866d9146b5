#pragma once
// The index, OUTPUT/dataset.h5: every column in manifest order, and ways to the
// pixels in the shards. Made from the shards alone, at any time.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

struct IndexOptions {
  /// Pictures in /preview at most; 0: no preview.
  int64_t preview_pictures = 24;
  /// Shards of a bucket up to which `images` (or `encoded`) and `latents` are virtual.
  int64_t max_virtual_shards = kMaxVirtualShards;
};

struct IndexResult {
  std::string content_hash;
  StatusCounts counts;
  int64_t num_shards = 0;
};

/// What an index is laid out by: which samples are where.
struct ScannedShard {
  std::string name;
  std::string bucket;
  int64_t begin = 0;                 // of its samples in the bucket
  std::vector<int64_t> rows;         // of the manifest, by position
  std::vector<int32_t> copies;       // likewise
  std::vector<std::string> columns;  // of /samples
  ImageFormat format;

  bool operator==(const ScannedShard&) const = default;
};

/// The names of the files in OUTPUT/shards, sorted; none if the folder is not there.
std::vector<std::string> shard_names(const std::filesystem::path& output);

/// Opens every `num_ranks`-th shard, from number `rank` on, one at a time: ranks do it in parallel, and one
/// of them writes the index from what all found. Throws ConfigError if there are no shards at all,
/// EnvironmentError if one cannot be read.
std::vector<ScannedShard> scan_shards(const std::filesystem::path& output, int rank = 0, int num_ranks = 1);

/// As bytes between ranks; unpack_shards(pack_shards(s)) == s, and throws InternalError for other bytes.
std::string pack_shards(const std::vector<ScannedShard>& shards);
std::vector<ScannedShard> unpack_shards(std::string_view bytes);

/// Writes OUTPUT/dataset.h5 over these shards, in any order: what others hold is not in the index. In
/// memory are 48 bytes a sample and the columns of 65,536 samples; one shard is open at a time. Throws
/// ConfigError if two shards hold the same sample or have other image formats, EnvironmentError if one cannot
/// be read.
IndexResult write_index_of(const std::filesystem::path& output, std::vector<ScannedShard> shards,
                           const IndexOptions& options = {}, const Log& log = {});

/// The same over all files in OUTPUT/shards.
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

#pragma once
// Is a dataset still what was written: pixels against hashes, the index against the shards, the shards
// against the job files.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

enum class ProblemKind {
  shard,    // missing, damaged, not in the index
  pixels,   // they do not have the recorded hash, or cannot be read
  row,      // index and shard do not say the same of a sample
  index,    // it contradicts itself, or has rows of no shard
  record,   // job.json says something else
  leftover  // journals and temporary files
};

class VerifyReport {
 public:
  /// Problems of a kind that are told one by one; of more, how many.
  static constexpr size_t kMaxTold = 20;

  StatusCounts counts;         // of the samples in the shards
  int64_t num_hashed = 0;      // pictures
  int64_t num_index_rows = 0;  // of the index
  int64_t num_found_rows = 0;  // of these, found in a shard
  /// Of the index's ids and hashes; once everything is merged, empty unless all pixels are as recorded.
  std::string content_hash;

  void add(ProblemKind kind, std::string sentence);
  bool has(ProblemKind kind) const { return problems_.contains(kind); }
  bool ok() const { return problems_.empty(); }
  int64_t num_problems() const;
  /// One sentence each, kind after kind; "… and 12 more of this kind" behind a kind with too many.
  std::vector<std::string> problems() const;

  /// What another rank found.
  void merge(const VerifyReport& other);

  /// For the way between ranks; from_text(to_text()) is the same report.
  std::string to_text() const;
  static VerifyReport from_text(const std::string& text);

  bool operator==(const VerifyReport&) const = default;

 private:
  struct Told {
    std::vector<std::string> first;
    int64_t count = 0;

    bool operator==(const Told&) const = default;
  };
  std::map<ProblemKind, Told> problems_;
};

OrderedJson to_json(const VerifyReport& report);

/// Told how many pictures have been hashed.
using VerifyProgress = std::function<void(int64_t num_hashed)>;

/// A rank's share: of all shards in the index or in OUTPUT/shards, in the order of their names, every
/// `num_ranks`-th from number `rank` on. Reads every picture of them and compares its SHA-256 with the one
/// recorded: that of its pixels, and where it is encoded that of its bytes, which must decode to the bucket's
/// size (the pixels' only if the format keeps them), and every column with the index. In memory are 12 bytes
/// a sample of the index, the columns of 131,072 samples and one picture. Problems are collected; throws
/// ConfigError if there is no index, EnvironmentError if it cannot be read.
VerifyReport verify_shards(const std::filesystem::path& path, int rank, int num_ranks,
                           const VerifyProgress& progress = {});

/// The other checks, by one rank: the index's content hash, the job files, what was left over.
VerifyReport verify_folder(const std::filesystem::path& path);

/// All in one: `folder` of verify_folder(), `shards` of all ranks' verify_shards().
VerifyReport merge_reports(const VerifyReport& folder, const std::vector<VerifyReport>& shards);

/// The same by one rank alone. `path`: OUTPUT or OUTPUT/dataset.h5.
VerifyReport verify_dataset(const std::filesystem::path& path, const VerifyProgress& progress = {});

}  // namespace ditmesh

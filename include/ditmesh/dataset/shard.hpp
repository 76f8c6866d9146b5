#pragma once
// Shards: the immutable HDF5 files that hold the pictures.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/sample_source.hpp"
#include "ditmesh/trace/recorder.hpp"

namespace ditmesh {

/// Version of the files' layout, attribute `format_version` of their roots.
inline constexpr int32_t kFormatVersion = 1;

/// Status counts of a run of samples.
struct StatusCounts {
  int64_t missing = 0;
  int64_t done = 0;
  int64_t failed = 0;

  int64_t total() const { return missing + done + failed; }
  void add(SampleStatus status);
  bool operator==(const StatusCounts&) const = default;
};

std::ostream& operator<<(std::ostream& out, const StatusCounts& counts);

/// What belongs into a shard: all that its writer must know of the plan.
struct ShardContent {
  std::string name;                  // as Shard::name
  int64_t begin = 0;                 // position in the bucket of its first sample
  std::span<const int64_t> samples;  // by position: indices into the job's samples
};

ShardContent shard_content(const Plan& plan, int64_t shard);

struct WriteShardOptions {
  /// Asked before each row; true drops the shard.
  std::function<bool()> cancelled;
  /// Makes the temporary name that of one attempt: NAME.h5.SUFFIX.tmp.
  std::string temporary_suffix;
  /// Pictures are encoded here, on the thread that writes the shard.
  ImageFormat format = {};
  /// Records the hashing of each picture.
  LaneRecorder trace = {};
};

/// Writes OUTPUT/shards/NAME.h5 from the journals of the shard; what no journal
/// has comes from the shard file that is already there, if any, else its status
/// is missing. Pictures of that file are copied as they stand there, with their
/// hashes: never encoded again. Complete or not there: temporary name, sync, rename. The journals
/// stay: remove_journals() is the caller's next call.
///
/// Throws ConfigError if the file that is already there belongs to another job
/// or has pictures of another format, EnvironmentError if it was cancelled, if it cannot be written, if the
/// file that is already there is damaged, or if a journal holds a picture of
/// another size than the bucket's. The temporary file is gone then.
StatusCounts write_shard(const std::filesystem::path& output, const ShardContent& content,
                         const SampleSource& samples, const WriteShardOptions& options = {},
                         const Log& log = {});

/// The status of each sample of a finished shard, by position; empty if the
/// file is not there. Throws EnvironmentError if it is damaged, ConfigError if
/// it holds another number of samples.
std::vector<SampleStatus> shard_status(const std::filesystem::path& output, const Shard& shard);

/// What OUTPUT already has, shards and journals together: what a restart does
/// not make again.
struct KnownStatus {
  std::vector<SampleStatus> samples;  // by index of the sample; 1 byte each
  /// By index of the shard: its file is there. Without it the shard is still to
  /// be written, even if journals have every sample.
  std::vector<bool> has_file;
  /// By index of the shard: journals know something of it.
  std::vector<bool> has_journal;
};

/// With `is_wanted`, only those shards are looked at (those of a part); the
/// others' samples are missing. Throws EnvironmentError naming a shard file that
/// is damaged.
KnownStatus known_status(const std::filesystem::path& output, const Plan& plan, const Log& log = {},
                         const std::function<bool(int64_t shard)>& is_wanted = {});

}  // namespace ditmesh

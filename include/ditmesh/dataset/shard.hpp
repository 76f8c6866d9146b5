#pragma once
// Shards: the immutable HDF5 files that hold the pictures.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/sample.hpp"

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

/// Writes OUTPUT/shards/NAME.h5 from the journals of the shard; what no journal
/// has comes from the shard file that is already there, if any, else its status
/// is missing. Complete or not there: temporary name, sync, rename. The journals
/// stay: remove_journals() is the caller's next call.
///
/// Throws EnvironmentError if it cannot be written, or if a journal holds a
/// picture of another size than the bucket's.
StatusCounts write_shard(const std::filesystem::path& output, const Plan& plan, int64_t shard,
                         const SampleList& samples, const Log& log = {});

/// The status of each sample of a finished shard, by position; empty if the
/// file is not there. Throws EnvironmentError if it is damaged, ConfigError if
/// it holds another number of samples.
std::vector<SampleStatus> shard_status(const std::filesystem::path& output, const Shard& shard);

/// What OUTPUT already has, shards and journals together, by index of the
/// sample: what a restart does not make again.
std::vector<SampleStatus> known_status(const std::filesystem::path& output, const Plan& plan,
                                       const Log& log = {});

}  // namespace ditmesh

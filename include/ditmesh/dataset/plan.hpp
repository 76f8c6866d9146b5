#pragma once
// Who goes where: samples → buckets → shards → work units. Pure data, a
// function of the samples, the shard size and the batch alone.
//
// Example: sizes A A B A B A A, shard size 3, batch 2, same steps everywhere:
//   bucket A: samples 0 1 3 5 6    shard 0 = 0 1 3    shard 1 = 5 6
//   bucket B: samples 2 4          shard 2 = 2 4
//   work units: [0 1] [3] | [5 6] | [2 4]

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "ditmesh/dataset/sample.hpp"

namespace ditmesh {

/// Pixels of one shard at most: 8 GiB.
inline constexpr int64_t kMaxShardBytes = int64_t{8} << 30;
/// Shards of a bucket up to which the index holds virtual datasets.
inline constexpr int64_t kMaxVirtualShards = 256;

/// The samples of one image size, in manifest order.
struct Bucket {
  int32_t height = 0;
  int32_t width = 0;
  std::vector<int64_t> samples;  // indices into SampleList::samples

  std::string name() const;  // "1024x768": HEIGHTxWIDTH
  bool operator==(const Bucket&) const = default;
};

/// A fixed run [begin, end) of a bucket's samples: one file.
struct Shard {
  int64_t bucket = 0;  // index into Plan::buckets
  int64_t begin = 0;   // positions in the bucket
  int64_t end = 0;
  std::string name;  // "1024x768-000000", numbered within the bucket

  int64_t size() const { return end - begin; }
  std::string file() const { return "shards/" + name + ".h5"; }
  bool operator==(const Shard&) const = default;
};

/// A batch: positions [begin, end) of a shard, all with the same steps and the
/// same use of true CFG.
struct WorkUnit {
  int64_t shard = 0;  // index into Plan::shards
  int64_t begin = 0;  // positions in the shard
  int64_t end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const WorkUnit&) const = default;
};

/// Where a sample is stored.
struct SamplePlace {
  int64_t shard = 0;     // index into Plan::shards
  int64_t position = 0;  // in the shard

  bool operator==(const SamplePlace&) const = default;
};

struct PlanOptions {
  /// Samples a shard; 0: max(1000, ceil(N / 256)), and at most 8 GiB of pixels.
  int64_t shard_size = 0;
  /// Samples a work unit at most.
  int64_t batch = 1;
};

struct Plan {
  std::vector<Bucket> buckets;  // by order of first appearance
  std::vector<Shard> shards;    // bucket after bucket
  std::vector<WorkUnit> units;  // shard after shard

  /// Index of the sample at `position` of `shard`.
  int64_t sample_at(int64_t shard, int64_t position) const;
  int64_t num_samples() const;
  bool operator==(const Plan&) const = default;
};

/// Throws ConfigError for a batch or shard size below 1, or shards over 8 GiB.
Plan make_plan(const std::vector<Sample>& samples, const PlanOptions& options);

/// The place of every sample, by index of the sample.
std::vector<SamplePlace> sample_places(const Plan& plan);

std::ostream& operator<<(std::ostream& out, const Bucket& bucket);
std::ostream& operator<<(std::ostream& out, const Shard& shard);
std::ostream& operator<<(std::ostream& out, const WorkUnit& unit);
std::ostream& operator<<(std::ostream& out, const SamplePlace& place);
/// Several lines, for people: buckets, shards and units with their ranges.
std::ostream& operator<<(std::ostream& out, const Plan& plan);

}  // namespace ditmesh

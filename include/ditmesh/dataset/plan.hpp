#pragma once
// Who goes where: samples → buckets → shards → work units. Pure data, a
// function of the samples, the shard size, the history of extensions and the
// batch alone.
//
// Example: sizes A A B A B A A, shard size 3, batch 2, same steps everywhere:
//   bucket A: samples 0 1 3 5 6    shard 0 = 0 1 3    shard 1 = 5 6
//   bucket B: samples 2 4          shard 2 = 2 4
//   work units: [0 1] [3] | [5 6] | [2 4]
// The same of a job that was extended at 4 samples, A A B A | B A A:
//   shard 0 = A: 0 1 3    shard 1 = B: 2    |    shard 2 = A: 5 6    shard 3 = B: 4

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ditmesh/dataset/sample_source.hpp"

namespace ditmesh {

/// Pixels of one shard at most: 8 GiB.
inline constexpr int64_t kMaxShardBytes = int64_t{8} << 30;
/// Shards of a bucket up to which the index holds virtual datasets.
inline constexpr int64_t kMaxVirtualShards = 256;

/// The samples of one image size, in manifest order.
struct Bucket {
  int32_t height = 0;
  int32_t width = 0;
  std::vector<int64_t> samples;  // indices into the job's samples

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

/// What samples of one batch have in common, apart from their size.
struct SampleKind {
  int32_t steps = 0;
  bool uses_true_cfg = false;

  auto operator<=>(const SampleKind&) const = default;
};

/// A batch: positions of a shard, ascending, all of one kind.
struct WorkUnit {
  int64_t shard = 0;               // index into Plan::shards
  std::vector<int64_t> positions;  // in the shard
  int32_t steps = 0;
  bool true_cfg = false;

  int64_t size() const { return static_cast<int64_t>(positions.size()); }
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
  /// Numbers of samples that the job had before each of its extensions,
  /// ascending. The shards of those stay as they were, N of the default size
  /// included: what came later went to further shards.
  std::vector<int64_t> extended_at = {};
};

struct Plan {
  std::vector<Bucket> buckets;  // by order of first appearance
  std::vector<Shard> shards;    // bucket after bucket; those of an extension behind all before
  std::vector<SampleKind> kinds;
  std::vector<uint16_t> kind_of_sample;  // indices into `kinds`
  int64_t batch = 1;

  /// Index of the sample at `position` of `shard`.
  int64_t sample_at(int64_t shard, int64_t position) const;
  /// Indices of a shard's samples, by position.
  std::span<const int64_t> samples_of(int64_t shard) const;
  int64_t num_samples() const { return static_cast<int64_t>(kind_of_sample.size()); }

  /// The open samples of a shard in order (without `is_open`: all), cut where
  /// the kind changes and after `batch`.
  using IsOpen = std::function<bool(int64_t sample)>;
  std::vector<WorkUnit> units(int64_t shard, const IsOpen& is_open = {}) const;

  /// What a unit costs, in any unit that is the same for all: pixels × steps ×
  /// transformer evaluations a step × samples.
  double cost(const WorkUnit& unit) const;

  bool operator==(const Plan&) const = default;
};

/// Makes a plan of samples that come one after the other. 10 bytes of each stay.
class PlanBuilder {
 public:
  void add(int32_t height, int32_t width, int32_t steps, bool uses_true_cfg);
  void add(const Sample& sample) { add(sample.height, sample.width, sample.steps, sample.uses_true_cfg()); }

  size_t num_buckets() const { return plan_.buckets.size(); }  // so far

  /// The plan of all samples; there are no more afterwards. Throws ConfigError
  /// for a batch or shard size below 1, or shards over 8 GiB.
  Plan finish(const PlanOptions& options);

 private:
  size_t bucket_of(int32_t height, int32_t width);
  uint16_t kind_of(SampleKind kind);

  Plan plan_;
  std::map<std::pair<int32_t, int32_t>, size_t> bucket_by_size_;
  std::map<SampleKind, uint16_t> number_by_kind_;
};

Plan make_plan(const SampleSource& samples, const PlanOptions& options);

/// The place of every sample, by index of the sample.
std::vector<SamplePlace> sample_places(const Plan& plan);

/// `--part I/N`, I from 0: whether this part of a job makes the shard of this
/// number (its index in Plan::shards).
inline bool in_part(int64_t shard, int64_t part, int64_t num_parts) { return shard % num_parts == part; }

std::ostream& operator<<(std::ostream& out, const Bucket& bucket);
std::ostream& operator<<(std::ostream& out, const Shard& shard);
std::ostream& operator<<(std::ostream& out, const WorkUnit& unit);
std::ostream& operator<<(std::ostream& out, const SamplePlace& place);
/// Several lines, for people: buckets, and shards with their ranges.
std::ostream& operator<<(std::ostream& out, const Plan& plan);

}  // namespace ditmesh

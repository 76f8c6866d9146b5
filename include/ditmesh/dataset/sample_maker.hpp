#pragma once
// From manifest rows to samples.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "ditmesh/dataset/manifest.hpp"
#include "ditmesh/dataset/sample.hpp"
#include "ditmesh/dataset/sample_source.hpp"

namespace ditmesh {

/// What is worth saying once about the samples of a job.
struct SampleCounts {
  /// Manifest rows whose seed was above 2^32 − 1.
  int64_t num_reduced_seeds = 0;
  /// Manifest rows with a negative prompt of their own but a true CFG of 1 or less, which does not look at
  /// it.
  int64_t num_unused_negative_prompts = 0;
  /// Samples that are the same picture as an earlier one: same prompt, negative prompt if it is used,
  /// effective seed, size, steps, guidance and true CFG. (By 64-bit hashes: of 10 million samples one is
  /// counted wrongly in three jobs of a million.)
  int64_t num_duplicates = 0;

  bool operator==(const SampleCounts&) const = default;
};

/// Makes the samples of one row after the other. Keeps 8 bytes of each, to find duplicates.
///
/// Seeds: copy k of a row with seed s uses (s + k) mod 2^32; a row without one
/// uses derived_seed().
class SampleMaker {
 public:
  using Emit = std::function<void(const Sample&)>;

  /// Throws ConfigError for defaults that cannot work.
  explicit SampleMaker(SamplingDefaults defaults);
  ~SampleMaker();
  SampleMaker(const SampleMaker&) = delete;
  SampleMaker& operator=(const SampleMaker&) = delete;

  /// Calls `emit` for each copy of the row; the sample is the receiver's only during the call, and its
  /// further cells are those of the row.
  void add(const ManifestRow& row, int64_t number, const Emit& emit);

  /// Of all samples so far; there are no more afterwards.
  SampleCounts finish();

 private:
  struct State;
  SamplingDefaults defaults_;
  SampleCounts counts_;
  Sample sample_;  // kept for the memory of its texts
  std::unique_ptr<State> state_;
};

/// The samples of a manifest in memory.
SampleList make_samples(const Manifest& manifest, const SamplingDefaults& defaults,
                        SampleCounts* counts = nullptr);

/// The first 32 bits, big-endian, of the SHA-256 of the JSON text
/// `[JOB_SEED,"ID",COPY]` (no blanks, UTF-8 unescaped). For job seed 7, id
/// "cat", copy 0 that is the text [7,"cat",0].
int64_t derived_seed(uint64_t job_seed, std::string_view id, int32_t copy);

}  // namespace ditmesh

#pragma once
// Samples: a manifest row and a copy number, with every setting resolved.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// What became of a sample; stored with these numbers in an HDF5 enum.
enum class SampleStatus : uint8_t { missing = 0, done = 1, failed = 2 };

std::string_view to_string(SampleStatus status);
std::ostream& operator<<(std::ostream& out, SampleStatus status);

/// One image to make. A function of manifest and job settings alone.
struct Sample {
  int64_t row = 0;   // in the manifest, from 0
  int32_t copy = 0;  // 0 … images per prompt − 1
  std::string id;
  std::string prompt;
  std::string negative_prompt;
  int64_t seed = 0;  // effective: 0 … 2^32 − 1
  /// The manifest's seed where it was above 2^32 − 1 and had to be reduced.
  std::optional<uint64_t> seed_in_manifest;
  int32_t height = 0;  // pixels
  int32_t width = 0;   // pixels
  int32_t steps = 0;
  float guidance = 0;
  float true_cfg = 0;
  std::vector<std::string> further;  // cells of SampleSource::further_columns()

  /// Two transformer evaluations a step, the second with the negative prompt.
  bool uses_true_cfg() const { return true_cfg > 1; }

  bool operator==(const Sample&) const = default;
};

/// What a row takes where it says nothing.
struct SamplingDefaults {
  int32_t height = 1024;  // pixels
  int32_t width = 1024;   // pixels
  int32_t steps = 28;
  float guidance = 3.5F;
  float true_cfg = 1;
  std::string negative_prompt;  // used where true CFG is
  uint64_t seed = 0;            // the job's
  int32_t images_per_prompt = 1;
};

}  // namespace ditmesh

#pragma once
// From the manifest to the plan in one pass: rank 0 reads it once, whatever its length.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/dataset/manifest.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/sample.hpp"
#include "ditmesh/dataset/sample_maker.hpp"

namespace ditmesh {

/// Where prompts come from: a file, or the command line.
struct PromptSource {
  std::string path;                  // as read_manifest() takes it; empty: `prompts`
  std::vector<std::string> prompts;  // of --prompt
};

/// A size that the job makes, and who asked for it first.
struct UsedSize {
  int32_t height = 0;  // pixels
  int32_t width = 0;   // pixels
  int64_t row = 0;
  std::string id;

  bool operator==(const UsedSize&) const = default;
};

struct JobSamples {
  ManifestInfo manifest;
  SampleCounts counts;
  std::vector<UsedSize> sizes;  // by order of first appearance
  Plan plan;
};

/// Reads a manifest, writes its samples to `store_path` (for SampleStore) and
/// makes the plan. Meanwhile some 45 bytes of each sample are in memory (25
/// where rows have no ids), in the end those of the plan. Throws ConfigError for
/// what cannot be used in manifest or options, EnvironmentError if the file
/// cannot be written; then it is not there.
JobSamples read_job_samples(const PromptSource& source, const ManifestOptions& manifest_options,
                            const SamplingDefaults& defaults, const PlanOptions& plan_options,
                            const std::filesystem::path& store_path);

}  // namespace ditmesh

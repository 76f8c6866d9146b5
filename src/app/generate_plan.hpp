#pragma once
// What `generate` is going to do: decided and checked on one rank, before
// anything is written, then the same on all ranks.

#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/sample.hpp"
#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "options.hpp"

namespace ditmesh {

struct GeneratePlan {
  Options options;
  FluxDescription model;
  std::string model_hash;
  uint64_t model_bytes = 0;  // of the weight files
  std::string manifest_name;
  std::string manifest_sha256;
  SampleList samples;
  Plan work;
  Mesh mesh;
  int64_t max_sequence_length = 0;

  /// Text that read_generate_plan makes the same plan from, on another rank.
  std::string to_text() const;

  /// Several lines for people: samples, sizes, shards, mesh, what it costs.
  std::string describe() const;
};

/// Resolves and checks all input. Throws ConfigError; writes nothing.
GeneratePlan make_generate_plan(const Options& options, int num_ranks, const Log& log);

GeneratePlan read_generate_plan(const std::string& text);

}  // namespace ditmesh

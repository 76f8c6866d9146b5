#pragma once
// What a job is going to do on a cluster, before it runs: --dry-run.

#include <functional>
#include <string>

#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "ditmesh/topology/cluster.hpp"
#include "options.hpp"

namespace ditmesh {

struct ForecastRequest {
  const Options& options;
  const FluxDescription& model;
  int64_t max_sequence_length = 0;
  const Plan& samples;
  Plan::IsOpen is_open{};  // samples that are still to be made
  int num_ranks = 1;
  const Cluster& cluster;  // of whose healthy devices each rank drives one
};

/// Cluster, mesh and why, who sits where, schedule, memory, and the time that all samples take, several
/// lines. Throws ConfigError for a mesh that cannot be, that does not fit, and for placements that do not.
std::string forecast(const ForecastRequest& request);

}  // namespace ditmesh

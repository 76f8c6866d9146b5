#pragma once
// The coordinator of a job, from its plan and what is done of it.

#include <memory>

#include "ditmesh/dataset/part.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/shard.hpp"
#include "ditmesh/job/coordinator.hpp"

namespace ditmesh {

/// Hands out what is missing of the part's shards, and has them written. `plan` and `known` outlive it.
std::unique_ptr<Coordinator> make_coordinator(const Plan& plan, const KnownStatus& known, const Part& part,
                                              const JobCounts& counts, const CoordinatorOptions& options,
                                              JobClock::time_point start);

}  // namespace ditmesh

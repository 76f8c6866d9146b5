#pragma once
// The facts of all ranks, judged. Pure: tested for machines that are not here.

#include <chrono>
#include <vector>

#include "finding.hpp"
#include "job_start.hpp"
#include "rank_facts.hpp"

namespace ditmesh {

/// Launcher, versions, binding.
std::vector<Finding> judge_mpi(const std::vector<RankFacts>& ranks, const LauncherEnvironment& environment);
/// GPUs and whoever may use them. `share`: as --share-devices.
std::vector<Finding> judge_devices(const std::vector<RankFacts>& ranks, const JobStart& start, bool share);
/// Host memory, shared memory, open files.
std::vector<Finding> judge_limits(const std::vector<RankFacts>& ranks);
/// Nothing but that there is no Slurm, or what its environment says.
std::vector<Finding> judge_slurm(const std::vector<RankFacts>& ranks, const LauncherEnvironment& environment,
                                 std::chrono::system_clock::time_point now);

}  // namespace ditmesh

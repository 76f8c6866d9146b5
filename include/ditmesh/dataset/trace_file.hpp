#pragma once
// Traces as HDF5: one file per node and attempt.

#include <filesystem>
#include <vector>

#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

/// Makes one HDF5 file of ranks' span files, one rank in memory at a time; complete or not there.
///   /spans     rank, lane, phase, sample, num_samples, step, group, bytes, start_ns, duration_ns
///   /counters  rank, kind, group, time_ns, value
///   /clock     rank, time_ns (of the rank's own clock), offset_ns, error_ns
///   /ranks     rank, num_ranks, attempt, coordinate, host, process, device, started, start_ns, num_lost,
///   is_closed
/// Times are nanoseconds of rank 0's clock since rank 0's program began; lane, phase and kind are HDF5 enums,
/// group numbers the names in the root's attribute `groups` (JSON). Throws EnvironmentError.
void write_trace_file(const std::filesystem::path& path,
                      const std::vector<std::filesystem::path>& span_files);

/// Aligned ranks. Throws EnvironmentError if it is damaged.
std::vector<RankTrace> read_trace_file(const std::filesystem::path& path);

}  // namespace ditmesh

#pragma once
// OUTPUT/traces: which attempts left traces there, as span files or as HDF5.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/part.hpp"
#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

/// What the names of an attempt's files begin with: "attempt-3", of a part "part-2-of-8.attempt-3".
std::string trace_prefix(const Part& part, int64_t attempt);

/// An attempt that left traces.
struct TracedAttempt {
  Part part;
  int64_t attempt = 0;
  std::vector<std::filesystem::path> span_files;  // PREFIX.rank-R.spans
  std::vector<std::filesystem::path> hdf5_files;  // PREFIX.HOST.h5
};

/// By part and attempt; empty where there are none.
std::vector<TracedAttempt> traced_attempts(const std::filesystem::path& output);

/// All ranks that can be read, a rank once; what cannot be is told. Throws ConfigError if that is none.
AttemptTrace read_attempt(const TracedAttempt& attempt, const Log& log);

/// Makes an HDF5 file per host of the span files, and removes them; what cannot be read stays, and is told.
/// Not while the attempt runs.
void convert_span_files(const TracedAttempt& attempt, const Log& log);

}  // namespace ditmesh

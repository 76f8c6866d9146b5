#pragma once
// Where the time of an attempt went, and what an expert would say about it.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

struct RankSummary {
  int32_t rank = 0;
  std::string host;
  std::array<double, kNumPhases> seconds{};  // by phase
  double total_s = 0;                        // from the program's start to its last span
  double useful_s = 0;                       // encode, denoise, decode
  double other_s = 0;                        // of the generating thread, in no span
  double step_s = 0;                         // median denoising step, per sample of its batch; 0 without any
  int64_t num_samples = 0;
};

/// A rank that waited while another worked.
struct WaitedFor {
  int32_t rank = 0;
  int32_t for_rank = 0;
  Phase phase = Phase::denoise;  // what the other one did
  double seconds = 0;
};

/// Metrics as POP (Performance Optimisation and Productivity, a European centre of excellence) defines them,
/// of the time in which pictures are made: T, from the first useful span of any rank to the end of the last;
/// u, a rank's useful time.
///   load balance = mean(u) / max(u)       communication efficiency = max(u) / T
///   parallel efficiency = mean(u) / T, the product of both
struct TraceSummary {
  int64_t attempt = 0;
  int32_t num_ranks = 0;  // of the job
  std::vector<RankSummary> ranks;
  double elapsed_s = 0;    // from the start of rank 0 to the last span
  double making_s = 0;     // T
  double utilisation = 0;  // useful share of all ranks' time, start-up and end included
  double load_balance = 0;
  double communication_efficiency = 0;
  double parallel_efficiency = 0;
  int64_t num_samples = 0;
  double device_seconds_per_image = 0;  // all ranks' time, by the samples made; 0 without any
  double last_shards_s = 0;  // all ranks' waiting, after the last picture, for shards that are being written
  double clock_error_s = 0;
  uint64_t num_lost_spans = 0;
  std::vector<WaitedFor> waits;      // the longest first
  std::vector<std::string> remarks;  // one sentence each, what costs most first

  double all_s() const;  // of all ranks
  double seconds(Phase phase) const;
};

TraceSummary summarise(const AttemptTrace& trace);

std::string to_text(const TraceSummary& summary);
OrderedJson to_json(const TraceSummary& summary);

}  // namespace ditmesh

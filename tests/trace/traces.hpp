#pragma once
// Traces made by hand.

#include <string>
#include <vector>

#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh::testing {

inline constexpr int64_t kSecond_ns = 1'000'000'000;

/// Spans one after the other, from the program's start, of whole seconds.
class RankTraceMaker {
 public:
  RankTraceMaker(int32_t rank, int32_t num_ranks) {
    trace_.info.rank = rank;
    trace_.info.num_ranks = num_ranks;
    trace_.info.attempt = 3;
    trace_.info.coordinate = "data=" + std::to_string(rank);
    trace_.info.host = "node" + std::to_string(rank / 2);
    trace_.info.device = "CPU";
    trace_.info.groups = {"tensor", "ulysses"};
  }
  RankTraceMaker& add(Phase phase, double seconds, int64_t sample = -1, int32_t num_samples = 0,
                      int32_t step = -1) {
    Span span;
    span.phase = phase;
    span.start_ns = now_ns_;
    span.duration_ns = static_cast<int64_t>(seconds * static_cast<double>(kSecond_ns));
    span.sample = sample;
    span.num_samples = num_samples;
    span.step = step;
    trace_.spans.push_back(span);
    now_ns_ += span.duration_ns;
    return *this;
  }
  /// A batch: `steps` steps of `step_s` and a second of decoding.
  RankTraceMaker& batch(int64_t sample, int32_t num_samples, int32_t steps, double step_s) {
    for (int32_t step = 0; step < steps; ++step) add(Phase::denoise, step_s, sample, num_samples, step);
    return add(Phase::decode, 1, sample, num_samples);
  }
  RankTrace trace() const { return trace_; }

 private:
  RankTrace trace_;
  int64_t now_ns_ = 0;
};

}  // namespace ditmesh::testing

#pragma once
// A whole job: batches from a queue to replicas, until all samples are made.

#include <cstdint>
#include <limits>
#include <vector>

#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

/// Batches that are alike.
struct JobBatches {
  int64_t count = 0;
  int64_t samples = 1;  // of each
  double seconds = 0;   // on a replica that is not slow

  bool operator==(const JobBatches&) const = default;
};

/// A node goes down, and with it these replicas; what they were making is lost.
struct JobFailure {
  double time_s = 0;
  std::vector<int> replicas{};
  double noticed_after_s = 0;  // then others may make the lost batches
  double back_after_s = std::numeric_limits<double>::infinity();

  bool operator==(const JobFailure&) const = default;
};

struct JobPlan {
  std::vector<double> slowness{};     // of each replica: 1, or 1.2 for a straggler that takes 20 % longer
  std::vector<JobBatches> batches{};  // in the order of the queue: the costliest first, as the job does
  std::vector<JobFailure> failures{};
  double hand_out_s = 0;     // from asking for a batch to beginning it
  int trace_stretches = 40;  // about so many spans of a replica: its batches are taken together

  bool operator==(const JobPlan&) const = default;
};

struct JobSimulation {
  double total_s = 0;
  /// Share of all replicas' time in which they make nothing: hand-outs, nodes that are down, the end. What is
  /// lost with a node was made.
  double idle_share = 0;
  /// From the first time that a replica finds the queue empty to the end.
  double tail_s = 0;
  int64_t samples_made = 0;
  int64_t samples_redone = 0;         // begun once more, for their replica failed
  std::vector<int64_t> samples_of{};  // each replica
  /// A rank for each replica: its batches as `denoise`, with an empty `decode` that counts the samples, and
  /// the waiting at the end.
  AttemptTrace trace{};
};

/// Deals as the job does: whoever is free gets the next batch, lost ones first. Throws ConfigError for
/// slowness and failures that cannot be, and if nobody is left to make the rest.
///
///   2 replicas, 5 batches of 10 s; replica 1 takes twice as long:
///     0  |-- 0 --|-- 2 --|-- 3 --|.......|     finds the queue empty at 30 s: a tail of 10 s
///     1  |------ 1 ------|------ 4 ------|     all done at 40 s; idle 10 of 80 s
JobSimulation simulate_job(const JobPlan& plan);

}  // namespace ditmesh

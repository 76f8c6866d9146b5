#pragma once
// The coordinator of a job: who makes what, and what is done. It lives on rank 0 and is a pure
// state machine: messages and the time go in, messages come out, so that thousands of ranks can be tested
// in one thread.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ditmesh/job/job_clock.hpp"
#include "ditmesh/job/message.hpp"
#include "ditmesh/job/work_queue.hpp"

namespace ditmesh {

/// A shard as the coordinator sees it.
struct ShardState {
  std::string name;
  int64_t begin = 0;                 // of its samples in the bucket
  std::span<const int64_t> samples;  // by position: indices into the job's samples
  int64_t num_open = 0;              // samples that are not done and have not failed for good
  bool needs_writing = false;        // even if no sample of it is open: its file is not there
};

struct CoordinatorOptions {
  int num_ranks = 1;
  std::optional<std::chrono::duration<double>> time_limit;  // from the start on
  double seconds_per_cost = 0;                              // of the slowest unit of the attempts before
  int64_t ahead = 64;  // samples whose prompts a rank may encode together
};

struct JobCounts {
  int64_t total = 0;
  int64_t done = 0;         // also by earlier attempts
  int64_t failed = 0;       // for good
  int64_t done_before = 0;  // by earlier attempts
  int64_t failed_before = 0;
  int64_t retried = 0;  // that failed once in this attempt

  int64_t missing() const { return total - done - failed; }
  /// Done or failed in this attempt.
  int64_t finished_now() const { return done - done_before + failed - failed_before; }
};

class Coordinator {
 public:
  struct Outgoing {
    int rank = 0;
    ControlMessage message;
  };
  using Outbox = std::vector<Outgoing>;

  /// `start`: of the program, for the time limit.
  Coordinator(WorkQueue queue, std::vector<ShardState> shards, JobCounts counts, CoordinatorOptions options,
              JobClock::time_point start);

  Outbox on_message(int rank, const ControlMessage& message, JobClock::time_point now);
  /// Now and then: orders that became possible, and the end.
  Outbox on_tick(JobClock::time_point now);

  /// All samples are in shards, and everybody was told.
  bool finished() const { return end_was_told_ && stop_ == StopReason::none; }
  /// Everybody left: there will be no more messages.
  bool everybody_left() const { return num_leaving_ == ranks_.size(); }
  /// The slowest unit of this attempt, or `options.seconds_per_cost`.
  double seconds_per_cost() const { return seconds_per_cost_; }
  StopReason stop_reason() const { return stop_; }
  const JobCounts& counts() const { return counts_; }

 private:
  struct Rank {
    bool wants_work = false;
    // Its next units, so that it can encode their prompts together. Another rank that has nothing to do, or
    // only cheaper things, takes them away from the back.
    std::deque<QueuedUnit> reserved;
    int64_t num_shards = 0;  // that it writes
  };
  struct Assigned {
    QueuedUnit unit;
    int rank = 0;
    JobClock::time_point since;
  };

  void take_result(int rank, const WorkResult& result, JobClock::time_point now);
  void begin_stop(StopReason reason, Outbox& out);
  void drop_what_is_late(Outbox& out);
  void hand_out(JobClock::time_point now, Outbox& out);
  void write_complete_shards(Outbox& out);
  void tell_the_end(Outbox& out);
  std::optional<QueuedUnit> next_unit_for(Rank& rank);
  void reserve_more(Rank& rank, double cost);
  WorkOrder order_of(int64_t number, const QueuedUnit& unit, const Rank& rank) const;
  bool no_unit_is_waiting();
  bool fits_time_limit(const QueuedUnit& unit, JobClock::time_point now) const;

  WorkQueue queue_;
  std::vector<ShardState> shards_;
  std::vector<int64_t> complete_;            // shards to be written that nobody writes yet
  std::set<int64_t> writing_;                // shards
  std::map<int64_t, std::set<int>> makers_;  // ranks that have a journal of an open shard
  int64_t num_unwritten_ = 0;
  JobCounts counts_;
  CoordinatorOptions options_;
  JobClock::time_point start_;
  std::vector<Rank> ranks_;
  std::map<int64_t, Assigned> assigned_;  // by number of the unit
  int64_t next_unit_ = 0;
  double seconds_per_cost_;
  StopReason stop_ = StopReason::none;
  bool end_was_told_ = false;
  bool late_was_told_ = false;
  size_t num_leaving_ = 0;
};

}  // namespace ditmesh

#pragma once
// This rank's end of the control channel: orders in, results out, by a thread of its own, so that they go on
// while the device computes. On rank 0 the thread is the coordinator too.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ditmesh/job/activity.hpp"
#include "ditmesh/job/control_channel.hpp"
#include "ditmesh/job/coordinator.hpp"

namespace ditmesh {

class JobControl {
 public:
  /// Called from the control thread.
  struct Hooks {
    std::function<void(const ShardOrder&)> write_shard;
    std::function<void(const std::string& shard_name)> close_journal;
    /// This thread met an error; does not return.
    std::function<void(std::exception_ptr)> failed;
    /// The sharpest reason to stop that a signal gave to this process.
    std::function<StopReason()> stop_signal;
    /// What this rank has used, told to rank 0 every two seconds and before it leaves; empty: it tells
    /// nothing.
    std::function<Usage()> usage = {};
  };

  /// All ranks together; the coordinator on rank 0 alone. `activity` outlives it.
  JobControl(std::unique_ptr<ControlChannel> channel, Activity& activity,
             std::unique_ptr<Coordinator> coordinator, Hooks hooks);
  /// After leave(), or while the job is being aborted.
  ~JobControl();
  JobControl(const JobControl&) = delete;
  JobControl& operator=(const JobControl&) = delete;

  /// The next batch to make; waits for it. Nothing when the job is done or stops.
  std::optional<WorkOrder> next_order();
  /// A batch that is not made because the job stops.
  void drop(const WorkOrder& order);

  // From any thread.
  void unit_saved(const WorkResult& result) { post(to_message(result)); }
  void shard_written(int64_t shard) { post({MessageKind::shard_written, {shard}, {}}); }

  StopReason stop_reason() const { return stop_reason_; }
  /// On rank 0.
  JobCounts counts() const;
  /// On rank 0: what each rank told last; of a rank that has not yet told anything nothing.
  std::vector<Usage> usage() const;
  /// On rank 0, after leave(): as the coordinator has it.
  double seconds_per_cost() const { return coordinator_->seconds_per_cost(); }

  /// Waits until every sample is in a shard, or the job stops and nobody has a batch any more.
  void wait_for_end();
  /// Says good-bye; returns when all ranks have.
  void leave();

 private:
  void run();
  void serve();
  bool receive_all();
  void take(const ControlMessage& message);
  void send(const Coordinator::Outbox& outbox);
  void look_for_signals();
  void tick();
  void tell_usage();
  void post(ControlMessage message);

  Activity& activity_;
  std::unique_ptr<Coordinator> coordinator_;  // of the control thread
  Hooks hooks_;
  std::unique_ptr<ControlChannel> channel_;  // of the control thread

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ControlMessage> outgoing_;
  std::optional<WorkOrder> order_;
  bool ended_ = false;  // finish or stop came
  bool left_ = false;
  bool quit_ = false;
  JobCounts counts_;
  std::vector<Usage> usage_;  // by rank
  std::atomic<StopReason> stop_reason_{StopReason::none};

  // Of the control thread.
  StopReason requested_ = StopReason::none;
  JobClock::time_point last_tick_;
  JobClock::time_point last_usage_;
  std::thread thread_;
};

}  // namespace ditmesh

#pragma once
// Every rank tells rank 0 what it does, by a thread of its own from the beginning of the program to its end;
// rank 0 names the one that is lost. So no wait for another rank is without an end, also in library calls
// that know no timeout.

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "ditmesh/job/activity.hpp"
#include "ditmesh/job/attendance.hpp"
#include "ditmesh/job/control_channel.hpp"

namespace ditmesh {

class Watchdog {
 public:
  static constexpr double kDefaultTimeout_s = 120;

  /// Called from the watching thread. The program ends there; a test goes on.
  struct Hooks {
    std::function<void(const LostRank&)> rank_is_lost;
    std::function<void(std::exception_ptr)> failed;
  };

  /// All ranks together. `activity` outlives it.
  Watchdog(std::unique_ptr<ControlChannel> channel, int rank, int num_ranks, const Activity& activity,
           Hooks hooks);
  /// After leave(), or while the job is being aborted.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// On rank 0; it tells the others.
  void set_timeout(double seconds) { timeout_s_ = seconds; }

  /// Returns when all ranks have come here.
  void leave();

 private:
  void run();
  bool receive_all(JobClock::time_point now);
  void tell_timeout(JobClock::time_point now);
  void send_beat(JobClock::time_point now);
  void look_for_lost(JobClock::time_point now);

  const int num_ranks_;
  const Activity& activity_;
  Hooks hooks_;
  std::atomic<double> timeout_s_{kDefaultTimeout_s};
  std::atomic<bool> wants_to_leave_{false};
  std::atomic<bool> quit_{false};

  // Of the watching thread.
  std::unique_ptr<ControlChannel> channel_;
  std::optional<Attendance> attendance_;  // on rank 0
  double told_timeout_s_ = kDefaultTimeout_s;
  JobClock::time_point last_beat_;
  uint64_t last_change_ = 0;  // that was told
  JobClock::time_point last_round_;
  JobClock::time_point heard_from_rank_0_;
  bool leave_was_told_ = false;
  std::thread thread_;
};

}  // namespace ditmesh

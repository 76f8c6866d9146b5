#pragma once
// Who of the ranks is lost: rank 0's list of heartbeats, pure data that thousands of ranks can be tested on.

#include <optional>
#include <vector>

#include "ditmesh/job/activity.hpp"
#include "ditmesh/job/job_clock.hpp"

namespace ditmesh {

struct LostRank {
  int rank = 0;
  double since_s = 0;
  double timeout_s = 0;
  bool is_silent = true;  // or it talks, but does not move on while others wait for it
  Heartbeat last;

  /// "has said nothing for 6 s (timeout 5 s); it was: reading the weights"
  std::string what() const;
};

/// A rank is lost if it was silent for a timeout. One that talks, does the same thing for
/// kStuckTimeouts timeouts and has not come to a collective call in which others have waited as long, is
/// stuck: the one that has entered the fewest calls, not the neighbour that waits for it.
class Attendance {
 public:
  static constexpr double kStuckTimeouts = 15;

  Attendance(int num_ranks, JobClock::time_point start);

  void heard(int rank, const Heartbeat& heartbeat, JobClock::time_point now);
  /// It would leave when all others would, and waits for them.
  void leave(int rank);
  bool everybody_leaves() const;
  /// Its last message has come.
  void gone(int rank);
  bool everybody_is_gone() const;
  /// Rank 0 itself did not run for a while: every rank has all its time again.
  void forgive(JobClock::time_point now);

  std::optional<LostRank> lost(JobClock::time_point now, double timeout_s) const;

 private:
  struct Rank {
    Heartbeat last;
    JobClock::time_point heard;
    JobClock::time_point changed;  // what it does
    bool leaves = false;
    bool is_gone = false;
  };
  std::vector<Rank> ranks_;
};

}  // namespace ditmesh

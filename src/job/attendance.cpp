#include "ditmesh/job/attendance.hpp"

#include <algorithm>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

std::string LostRank::what() const {
  const std::string time = cat(static_cast<int64_t>(since_s), " s (timeout ", timeout_s, " s); it ");
  return is_silent ? cat("has said nothing for ", time, "was: ", last.doing)
                   : cat("holds all ranks up and has not moved on for ", time, "is: ", last.doing);
}

Attendance::Attendance(int num_ranks, JobClock::time_point start)
    : ranks_(static_cast<size_t>(num_ranks), Rank{{}, start, start, false, false}) {}

void Attendance::heard(int rank, const Heartbeat& heartbeat, JobClock::time_point now) {
  Rank& sender = ranks_.at(static_cast<size_t>(rank));
  sender.heard = now;
  if (heartbeat.num_changes != sender.last.num_changes) sender.changed = now;
  sender.last = heartbeat;
}

void Attendance::leave(int rank) { ranks_.at(static_cast<size_t>(rank)).leaves = true; }

bool Attendance::everybody_leaves() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.leaves; });
}

void Attendance::gone(int rank) { ranks_.at(static_cast<size_t>(rank)).is_gone = true; }

bool Attendance::everybody_is_gone() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.is_gone; });
}

void Attendance::forgive(JobClock::time_point now) {
  for (Rank& rank : ranks_) rank.heard = rank.changed = now;
}

std::optional<LostRank> Attendance::lost(JobClock::time_point now, double timeout_s) const {
  std::optional<LostRank> lost;
  uint64_t awaited = 0;  // collectives that a rank has waited in for too long
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = ranks_[i];
    if (rank.is_gone) continue;
    const double silent_s = seconds_between(rank.heard, now);
    if (silent_s > timeout_s && (!lost || silent_s > lost->since_s)) {
      lost = LostRank{static_cast<int>(i), silent_s, timeout_s, true, rank.last};
    }
    if (rank.last.is_waiting && seconds_between(rank.changed, now) > kStuckTimeouts * timeout_s)
      awaited = std::max(awaited, rank.last.num_collectives);
  }
  if (lost) return lost;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = ranks_[i];
    const double same_s = seconds_between(rank.changed, now);
    if (rank.is_gone || rank.last.num_collectives >= awaited || same_s <= kStuckTimeouts * timeout_s)
      continue;
    if (!lost || rank.last.num_collectives < lost->last.num_collectives)
      lost = LostRank{static_cast<int>(i), same_s, kStuckTimeouts * timeout_s, false, rank.last};
  }
  return lost;
}

}  // namespace ditmesh

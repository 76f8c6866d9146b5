#include "ditmesh/job/watchdog.hpp"

#include <algorithm>
#include <utility>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// The ends of a job wait this long at most.
constexpr std::chrono::milliseconds kRound{5};
// This thread looks around far more often than that, unless it was not allowed to run.
constexpr double kSlept_s = 1;

// A rank tells what is new without waiting for its next heartbeat, but so that rank 0 hears no more than some
// thousand ranks a second.
double news_interval_s(int num_ranks) { return std::max(0.1, num_ranks / 4000.0); }

// A rank sends its heartbeat; this, when it would leave; and this again as its last message. Rank 0 answers
// heartbeats with the timeout, and says this, its last message, when all would leave.
constexpr std::string_view kLeave = "leave";

}  // namespace

Watchdog::Watchdog(std::unique_ptr<ControlChannel> channel, int rank, int num_ranks, const Activity& activity,
                   Hooks hooks)
    : num_ranks_(num_ranks),
      activity_(activity),
      hooks_(std::move(hooks)),
      channel_(std::move(channel)),
      last_round_(JobClock::now()),
      heard_from_rank_0_(last_round_) {
  if (rank == 0) attendance_.emplace(num_ranks, last_round_);
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  quit_ = true;
  if (thread_.joinable()) thread_.join();
}

void Watchdog::leave() {
  wants_to_leave_ = true;
  thread_.join();
}

void Watchdog::run() {
  try {
    while (!quit_) {
      const auto now = JobClock::now();
      const bool is_over = receive_all(now);
      if (attendance_ && !leave_was_told_ && told_timeout_s_ != timeout_s_) tell_timeout(now);
      send_beat(now);
      if (is_over && !channel_->is_sending()) return;
      if (!is_over) look_for_lost(now);
      std::this_thread::sleep_for(kRound);
    }
  } catch (...) {
    hooks_.failed(std::current_exception());
  }
}

// Whether all ranks have left, so that no message will come any more.
bool Watchdog::receive_all(JobClock::time_point now) {
  while (const auto received = channel_->receive()) {
    if (!attendance_) {
      heard_from_rank_0_ = now;
      if (received->bytes == kLeave) {
        channel_->send(0, std::string(kLeave));
        leave_was_told_ = true;
      } else {
        const double timeout_s = parse_double(received->bytes).value_or(kDefaultTimeout_s);
        if (timeout_s != timeout_s_.exchange(timeout_s)) last_beat_ = {};  // the old rhythm may be too slow
      }
    } else if (received->bytes == kLeave) {
      leave_was_told_ ? attendance_->gone(received->rank) : attendance_->leave(received->rank);
    } else {
      attendance_->heard(received->rank, unpack_heartbeat(received->bytes), now);
      if (!leave_was_told_) channel_->send(received->rank, cat(told_timeout_s_));
    }
  }
  if (!attendance_) return leave_was_told_;
  if (!leave_was_told_ && attendance_->everybody_leaves()) {
    leave_was_told_ = true;
    for (int rank = 1; rank < num_ranks_; ++rank) channel_->send(rank, std::string(kLeave));
    attendance_->gone(0);
  }
  return attendance_->everybody_is_gone();
}

// Hearts that beat for a longer timeout may be silent for longer than the new one.
void Watchdog::tell_timeout(JobClock::time_point now) {
  told_timeout_s_ = timeout_s_;
  for (int rank = 1; rank < num_ranks_; ++rank) channel_->send(rank, cat(told_timeout_s_));
  attendance_->forgive(now);
  last_beat_ = {};
}

void Watchdog::send_beat(JobClock::time_point now) {
  if (wants_to_leave_.exchange(false)) {
    if (attendance_) {
      attendance_->leave(0);
    } else {
      channel_->send(0, std::string(kLeave));
    }
  }
  // They go on until all have come: a rank can be lost here too.
  if (leave_was_told_) return;
  const double since_s = seconds_between(last_beat_, now);
  const bool has_changed = activity_.num_changes() != last_change_;
  if (since_s < std::min(1.0, timeout_s_ / 5) && !(has_changed && since_s >= news_interval_s(num_ranks_)))
    return;
  const Heartbeat heartbeat = activity_.now();
  last_beat_ = now;
  last_change_ = heartbeat.num_changes;
  if (attendance_) {
    attendance_->heard(0, heartbeat, now);
  } else {
    channel_->send(0, pack(heartbeat));
  }
}

void Watchdog::look_for_lost(JobClock::time_point now) {
  const double slept_s = seconds_between(std::exchange(last_round_, now), now);
  if (slept_s > kSlept_s) {
    // It is this process that was stopped (suspended, a debugger): the others' silence proves nothing.
    heard_from_rank_0_ = now;
    if (attendance_) attendance_->forgive(now);
  }
  if (attendance_) {
    if (const auto lost = attendance_->lost(now, told_timeout_s_)) hooks_.rank_is_lost(*lost);
    return;
  }
  // Only rank 0 names who is lost; but nobody else can say that it is lost itself.
  const double silent_s = seconds_between(heard_from_rank_0_, now);
  if (silent_s > 1.5 * timeout_s_)
    hooks_.rank_is_lost({0, silent_s, timeout_s_, true, {"", "watching over the ranks", 0, 0, false}});
}

}  // namespace ditmesh

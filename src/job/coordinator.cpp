#include "ditmesh/job/coordinator.hpp"

#include <algorithm>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

Coordinator::Coordinator(WorkQueue queue, std::vector<ShardState> shards, JobCounts counts,
                         CoordinatorOptions options, JobClock::time_point start)
    : queue_(std::move(queue)),
      shards_(std::move(shards)),
      counts_(counts),
      options_(options),
      start_(start),
      ranks_(static_cast<size_t>(options.num_ranks)),
      seconds_per_cost_(options.seconds_per_cost) {
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    if (shards_[shard].num_open == 0 && !shards_[shard].needs_writing) continue;
    ++num_unwritten_;
    if (shards_[shard].num_open == 0) complete_.push_back(static_cast<int64_t>(shard));
  }
}

Coordinator::Outbox Coordinator::on_message(int rank, const ControlMessage& message,
                                            JobClock::time_point now) {
  Outbox out;
  Rank& sender = ranks_.at(static_cast<size_t>(rank));
  switch (message.kind) {
    case MessageKind::ready:
      sender.wants_work = true;
      break;
    case MessageKind::unit_done:
      take_result(rank, to_work_result(message), now);
      break;
    case MessageKind::shard_written: {
      const int64_t shard = message.numbers.at(0);
      if (writing_.erase(shard) == 0) throw InternalError(cat("shard ", shard, " was written unasked"));
      --num_unwritten_;
      --sender.num_shards;
      break;
    }
    case MessageKind::stop_request:
      begin_stop(static_cast<StopReason>(message.numbers.at(0)), out);
      break;
    case MessageKind::leave:
      // All leave together: then nobody has anything more to say to anybody.
      if (++num_leaving_ < ranks_.size()) break;
      for (size_t i = 0; i < ranks_.size(); ++i) {
        out.push_back({static_cast<int>(i), {MessageKind::left, {}, {}}});
      }
      break;
    default:
      throw InternalError(cat("the coordinator got a message of kind ", static_cast<int64_t>(message.kind)));
  }
  const Outbox more = on_tick(now);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

Coordinator::Outbox Coordinator::on_tick(JobClock::time_point now) {
  Outbox out;
  if (stop_ == StopReason::none) {
    hand_out(now, out);
    write_complete_shards(out);
  }
  if (options_.time_limit && seconds_between(start_, now) > options_.time_limit->count() && !finished()) {
    begin_stop(StopReason::time_limit, out);
    drop_what_is_late(out);
  }
  tell_the_end(out);
  return out;
}

void Coordinator::take_result(int rank, const WorkResult& result, JobClock::time_point now) {
  const auto found = assigned_.find(result.unit);
  if (found == assigned_.end() || found->second.rank != rank) {
    throw InternalError(cat("rank ", rank, " reports unit ", result.unit, ", which it was not given"));
  }
  const QueuedUnit unit = std::move(found->second.unit);
  const double seconds = seconds_between(found->second.since, now);
  assigned_.erase(found);
  // A rank that stops reports a unit that it drops.
  if (result.outcomes.empty()) return;
  if (result.outcomes.size() != unit.positions.size()) {
    throw InternalError(cat("rank ", rank, " reports ", result.outcomes.size(), " samples of unit ",
                            result.unit, ", which has ", unit.positions.size()));
  }
  if (unit.cost > 0) seconds_per_cost_ = std::max(seconds_per_cost_, seconds / unit.cost);
  ShardState& shard = shards_.at(static_cast<size_t>(unit.shard));
  makers_[unit.shard].insert(rank);
  for (size_t i = 0; i < result.outcomes.size(); ++i) {
    if (result.outcomes[i] == WorkResult::Outcome::dropped) continue;  // the job stops: the next attempt's
    if (result.outcomes[i] == WorkResult::Outcome::failed_once) {
      queue_.put_back({unit.shard, {unit.positions[i]}, unit.cost, true});
      ++counts_.retried;
      continue;
    }
    ++(result.outcomes[i] == WorkResult::Outcome::done ? counts_.done : counts_.failed);
    if (--shard.num_open == 0) complete_.push_back(unit.shard);
  }
}

// The costliest unit that there is. Of equal ones first a rank's own, then one that is nobody's, then
// another's: so that at the end of a job only cheap units are left, and nobody waits for a rank with many.
std::optional<QueuedUnit> Coordinator::next_unit_for(Rank& rank) {
  const QueuedUnit* top = queue_.top();
  if (top != nullptr && top->is_retry) return queue_.next();
  std::deque<QueuedUnit>* from = rank.reserved.empty() ? nullptr : &rank.reserved;
  double cost = from != nullptr ? from->front().cost : -1;
  const bool take_from_queue = top != nullptr && top->cost > cost;
  if (take_from_queue) cost = top->cost;
  std::deque<QueuedUnit>* victim = nullptr;
  for (Rank& other : ranks_) {
    if (&other == &rank || other.reserved.empty() || other.reserved.back().cost <= cost) continue;
    victim = &other.reserved;
    cost = victim->back().cost;
  }
  std::optional<QueuedUnit> unit;
  if (victim != nullptr) {
    unit = std::move(victim->back());
    victim->pop_back();
  } else if (take_from_queue) {
    unit = queue_.next();
    if (rank.reserved.empty()) reserve_more(rank, unit->cost);
  } else if (from != nullptr) {
    unit = std::move(from->front());
    from->pop_front();
  }
  return unit;
}

// A share of what is left, smaller and smaller towards the end; all of one cost, or a costly unit would
// hide behind cheap ones from those who could take it.
void Coordinator::reserve_more(Rank& rank, double cost) {
  int64_t room = std::min(options_.ahead, counts_.missing() / (2 * static_cast<int64_t>(ranks_.size())));
  while (true) {
    const QueuedUnit* top = queue_.top();
    if (top == nullptr || top->is_retry || top->cost != cost) return;
    room -= static_cast<int64_t>(top->positions.size());
    if (room < 0) return;
    rank.reserved.push_back(*queue_.next());
  }
}

WorkOrder Coordinator::order_of(int64_t number, const QueuedUnit& unit, const Rank& rank) const {
  WorkOrder order;
  order.unit = number;
  order.shard_name = shards_.at(static_cast<size_t>(unit.shard)).name;
  order.is_retry = unit.is_retry;
  order.positions = unit.positions;
  const auto samples = [&](const QueuedUnit& queued, std::vector<int64_t>& into) {
    const auto of_shard = shards_.at(static_cast<size_t>(queued.shard)).samples;
    for (const int64_t position : queued.positions) into.push_back(of_shard[static_cast<size_t>(position)]);
  };
  samples(unit, order.samples);
  for (const QueuedUnit& next : rank.reserved) samples(next, order.ahead);
  return order;
}

bool Coordinator::no_unit_is_waiting() {
  return queue_.empty() &&
         std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.reserved.empty(); });
}

bool Coordinator::fits_time_limit(const QueuedUnit& unit, JobClock::time_point now) const {
  if (!options_.time_limit) return true;
  return seconds_between(start_, now) + seconds_per_cost_ * unit.cost <= options_.time_limit->count();
}

void Coordinator::hand_out(JobClock::time_point now, Outbox& out) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    if (!ranks_[rank].wants_work) continue;
    auto unit = next_unit_for(ranks_[rank]);
    if (!unit) return;
    if (!fits_time_limit(*unit, now)) {
      queue_.put_back(std::move(*unit));
      begin_stop(StopReason::time_limit, out);
      return;
    }
    const int64_t number = next_unit_++;
    ranks_[rank].wants_work = false;
    out.push_back({static_cast<int>(rank), to_message(order_of(number, *unit, ranks_[rank]))});
    assigned_.emplace(number, Assigned{std::move(*unit), static_cast<int>(rank), now});
  }
}

// A unit that took longer than was foreseen: of a new size, or on a busy machine.
void Coordinator::drop_what_is_late(Outbox& out) {
  if (late_was_told_ || assigned_.empty()) return;
  late_was_told_ = true;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    out.push_back(
        {static_cast<int>(rank), {MessageKind::stop, {static_cast<int64_t>(StopReason::late)}, {}}});
  }
}

// Each to the rank that writes the fewest.
void Coordinator::write_complete_shards(Outbox& out) {
  for (const int64_t shard : complete_) {
    const auto writer = std::min_element(ranks_.begin(), ranks_.end(), [](const Rank& a, const Rank& b) {
      return a.num_shards < b.num_shards;
    });
    ++writer->num_shards;
    writing_.insert(shard);
    const ShardState& state = shards_[static_cast<size_t>(shard)];
    for (const int maker : makers_[shard]) {
      out.push_back({maker, {MessageKind::close_journal, {}, state.name}});
    }
    makers_.erase(shard);
    const ShardOrder order{shard, state.name, state.begin, {state.samples.begin(), state.samples.end()}};
    out.push_back({static_cast<int>(writer - ranks_.begin()), to_message(order)});
  }
  complete_.clear();
}

void Coordinator::begin_stop(StopReason reason, Outbox& out) {
  // A sharper reason comes through: a signal to end now after a warning.
  if ((end_was_told_ && stop_ == StopReason::none) || everybody_left()) return;
  if (stop_ != StopReason::none && !(reason == StopReason::terminate && stop_ != StopReason::terminate))
    return;
  stop_ = reason;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    out.push_back({static_cast<int>(rank), {MessageKind::stop, {static_cast<int64_t>(reason)}, {}}});
  }
}

void Coordinator::tell_the_end(Outbox& out) {
  if (end_was_told_ || stop_ != StopReason::none) return;
  if (num_unwritten_ > 0 || !assigned_.empty() || !no_unit_is_waiting()) return;
  end_was_told_ = true;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    out.push_back({static_cast<int>(rank), {MessageKind::finish, {}, {}}});
  }
}

}  // namespace ditmesh

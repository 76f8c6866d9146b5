#include "ditmesh/job/work_queue.hpp"

#include <algorithm>
#include <utility>

namespace ditmesh {

WorkQueue::WorkQueue(std::vector<int64_t> shards, UnitsOfShard units_of_shard, size_t window)
    : shards_(shards.begin(), shards.end()),
      units_of_shard_(std::move(units_of_shard)),
      window_(std::max<size_t>(1, window)) {}

void WorkQueue::fill() {
  while (open_.size() < window_) {
    if (waiting_.empty()) {
      if (shards_.empty()) return;
      auto units = units_of_shard_(shards_.front());
      shards_.pop_front();
      waiting_.insert(waiting_.end(), std::make_move_iterator(units.begin()),
                      std::make_move_iterator(units.end()));
      continue;
    }
    const double cost = waiting_.front().cost;
    open_.emplace(Costliest{cost, next_number_++}, std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

std::optional<QueuedUnit> WorkQueue::next() {
  if (!returned_.empty()) {
    QueuedUnit unit = std::move(returned_.front());
    returned_.pop_front();
    return unit;
  }
  fill();
  if (open_.empty()) return std::nullopt;
  return std::move(open_.extract(open_.begin()).mapped());
}

const QueuedUnit* WorkQueue::top() {
  if (!returned_.empty()) return &returned_.front();
  fill();
  return open_.empty() ? nullptr : &open_.begin()->second;
}

}  // namespace ditmesh

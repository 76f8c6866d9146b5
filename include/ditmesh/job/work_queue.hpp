#pragma once
// Which batch is made next. A pure value: no clock, no messages.
//
// Shards are opened one after the other, so that few journals are open at a time. Of the open units the
// costliest goes first, and what is left at the end of a job is cheap: nobody waits long for the last one.
//   window 3, units with costs 1 9 1 9 1  →  9 1 | 9 1 | 1   (order 9, 9, 1, 1, 1)

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace ditmesh {

/// Samples made as one batch.
struct QueuedUnit {
  int64_t shard = 0;
  std::vector<int64_t> positions;  // in the shard
  double cost = 0;                 // any unit that is the same for all
  bool is_retry = false;

  bool operator==(const QueuedUnit&) const = default;
};

class WorkQueue {
 public:
  /// The units of a shard that are still to be made; asked for once per shard, when its turn comes.
  using UnitsOfShard = std::function<std::vector<QueuedUnit>(int64_t shard)>;

  /// `shards`: in the order in which they are opened, costliest units first. `window`: units that are
  /// looked at for the costliest; at least 1.
  WorkQueue(std::vector<int64_t> shards, UnitsOfShard units_of_shard, size_t window);

  /// The next unit, and takes it out; nothing when all are taken.
  std::optional<QueuedUnit> next();
  /// Back in, in front of all others: a retry.
  void put_back(QueuedUnit unit) { returned_.push_back(std::move(unit)); }
  /// What next() will give; nothing when all are taken.
  const QueuedUnit* top();

  bool empty() { return top() == nullptr; }

 private:
  struct Costliest {
    double cost;
    int64_t number;  // first come, first served among equals
    bool operator<(const Costliest& other) const {
      return cost != other.cost ? cost > other.cost : number < other.number;
    }
  };
  void fill();

  std::deque<int64_t> shards_;
  UnitsOfShard units_of_shard_;
  size_t window_;
  std::deque<QueuedUnit> returned_;
  std::deque<QueuedUnit> waiting_;  // of the last shard opened, beyond the window
  std::map<Costliest, QueuedUnit> open_;
  int64_t next_number_ = 0;
};

}  // namespace ditmesh

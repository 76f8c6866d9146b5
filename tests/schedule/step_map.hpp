#pragma once
// For every token position the step of what is known about it.

#include <algorithm>
#include <utility>
#include <vector>

#include "ditmesh/base/range.hpp"

namespace ditmesh::testing {

class StepMap {
 public:
  static constexpr int kNothing = -2;  // older than what the first step may read

  StepMap() = default;
  StepMap(Range all, int step) : runs_{{all, step}} {}

  /// Whether all of `range` is known, and of this step.
  bool all(const Range& range, int step) const {
    int64_t known = 0;
    for (const auto& [run, known_step] : runs_) {
      const int64_t shared = std::min(run.end, range.end) - std::max(run.begin, range.begin);
      if (shared <= 0) continue;
      if (known_step != step) return false;
      known += shared;
    }
    return known == range.size();
  }

  /// Whether something of `range` is of this step or a later one.
  bool any_from(const Range& range, int step) const {
    return std::any_of(runs_.begin(), runs_.end(), [&](const auto& run) {
      return run.second >= step && run.first.begin < range.end && range.begin < run.first.end;
    });
  }

  void set(const Range& range, int step) {
    if (range.size() <= 0) return;
    std::vector<std::pair<Range, int>> next;
    for (const auto& [run, known] : runs_) {
      if (run.begin < range.begin) next.push_back({{run.begin, std::min(run.end, range.begin)}, known});
    }
    next.push_back({range, step});
    for (const auto& [run, known] : runs_) {
      if (run.end > range.end) next.push_back({{std::max(run.begin, range.end), run.end}, known});
    }
    runs_.clear();
    for (const auto& item : next) {
      if (!runs_.empty() && runs_.back().second == item.second &&
          runs_.back().first.end == item.first.begin) {
        runs_.back().first.end = item.first.end;
      } else {
        runs_.push_back(item);
      }
    }
  }

  /// The later of both, everywhere.
  void merge(const StepMap& other) {
    const std::vector<std::pair<Range, int>> own = runs_;
    for (const auto& [run, step] : other.runs_) {
      set(run, step);
      for (const auto& [own_run, own_step] : own) {
        const Range shared = {std::max(run.begin, own_run.begin), std::min(run.end, own_run.end)};
        if (shared.size() > 0 && own_step > step) set(shared, own_step);
      }
    }
  }

 private:
  std::vector<std::pair<Range, int>> runs_;  // ascending, none touching another of the same step
};

}  // namespace ditmesh::testing

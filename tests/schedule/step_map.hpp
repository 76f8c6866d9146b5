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
    for (const auto& [run, known] : next) append(runs_, run, known);
  }

  /// The later of both, everywhere; both know the same positions.
  void merge(const StepMap& other) {
    std::vector<std::pair<Range, int>> merged;
    size_t i = 0;
    size_t j = 0;
    for (int64_t begin = runs_.front().first.begin; i < runs_.size();) {
      const auto& [own, own_step] = runs_[i];
      const auto& [theirs, their_step] = other.runs_[j];
      const Range run = {begin, std::min(own.end, theirs.end)};
      append(merged, run, std::max(own_step, their_step));
      begin = run.end;
      if (own.end == begin) ++i;
      if (theirs.end == begin) ++j;
    }
    runs_ = std::move(merged);
  }

 private:
  static void append(std::vector<std::pair<Range, int>>& runs, const Range& run, int step) {
    if (!runs.empty() && runs.back().second == step && runs.back().first.end == run.begin) {
      runs.back().first.end = run.end;
    } else {
      runs.push_back({run, step});
    }
  }

  std::vector<std::pair<Range, int>> runs_;  // ascending, none touching another of the same step
};

}  // namespace ditmesh::testing

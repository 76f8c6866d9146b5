#include "ditmesh/trace/clock_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ditmesh {

ClockOffset clock_offset(const std::vector<RoundTrip>& trips) {
  const RoundTrip best = *std::min_element(trips.begin(), trips.end(), [](const auto& a, const auto& b) {
    return a.heard_ns - a.asked_ns < b.heard_ns - b.asked_ns;
  });
  const int64_t half_ns = (best.heard_ns - best.asked_ns) / 2;
  return {best.heard_ns, best.answer_ns - (best.asked_ns + half_ns), best.heard_ns - best.asked_ns - half_ns};
}

ClockModel::ClockModel(std::vector<ClockOffset> measured) : measured_(std::move(measured)) {
  std::sort(measured_.begin(), measured_.end(),
            [](const ClockOffset& a, const ClockOffset& b) { return a.time_ns < b.time_ns; });
}

int64_t ClockModel::to_rank_0(int64_t time_ns) const {
  if (measured_.empty()) return time_ns;
  const ClockOffset& first = measured_.front();
  const ClockOffset& last = measured_.back();
  if (time_ns <= first.time_ns) return time_ns + first.offset_ns;
  if (time_ns >= last.time_ns) return time_ns + last.offset_ns;
  const double share =
      static_cast<double>(time_ns - first.time_ns) / static_cast<double>(last.time_ns - first.time_ns);
  return time_ns + first.offset_ns +
         std::llround(share * static_cast<double>(last.offset_ns - first.offset_ns));
}

int64_t ClockModel::error_ns() const {
  int64_t largest = 0;
  for (const ClockOffset& offset : measured_) largest = std::max(largest, offset.error_ns);
  return largest;
}

}  // namespace ditmesh

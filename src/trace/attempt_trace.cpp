#include "ditmesh/trace/attempt_trace.hpp"

#include <algorithm>
#include <utility>

namespace ditmesh {

int64_t AttemptTrace::end_ns() const {
  int64_t end = 0;
  for (const RankTrace& rank : ranks) {
    for (const Span& span : rank.spans) end = std::max(end, span.end_ns());
  }
  return end;
}

RankTrace align(RankTrace rank) {
  const ClockModel clock(rank.clock);
  const auto aligned = [&](int64_t time_ns) { return clock.to_rank_0(time_ns) - rank.info.origin_ns; };
  for (Span& span : rank.spans) {
    const int64_t end_ns = aligned(span.end_ns());
    span.start_ns = aligned(span.start_ns);
    span.duration_ns = end_ns - span.start_ns;
  }
  for (CounterValue& value : rank.counters) value.time_ns = aligned(value.time_ns);
  rank.info.start_ns = aligned(rank.info.start_ns);
  rank.info.origin_ns = 0;
  std::stable_sort(rank.spans.begin(), rank.spans.end(),
                   [](const Span& a, const Span& b) { return a.start_ns < b.start_ns; });
  return rank;
}

AttemptTrace gather(std::vector<RankTrace> ranks) {
  std::sort(ranks.begin(), ranks.end(),
            [](const RankTrace& a, const RankTrace& b) { return a.info.rank < b.info.rank; });
  AttemptTrace trace;
  trace.attempt = ranks.front().info.attempt;
  for (const RankTrace& rank : ranks)
    trace.clock_error_ns = std::max(trace.clock_error_ns, ClockModel(rank.clock).error_ns());
  trace.ranks = std::move(ranks);
  return trace;
}

}  // namespace ditmesh

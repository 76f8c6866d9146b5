#include "ditmesh/trace/summary.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "summary_remarks.hpp"

namespace ditmesh {

namespace {

double seconds(int64_t ns) { return static_cast<double>(ns) * 1e-9; }

RankSummary summarise_rank(const RankTrace& trace) {
  RankSummary rank;
  rank.rank = trace.info.rank;
  rank.host = trace.info.host;
  int64_t end_ns = trace.info.start_ns;
  int64_t useful_end_ns = INT64_MIN;
  double in_spans_s = 0;
  std::vector<double> steps;
  for (const Span& span : trace.spans) {
    const double duration_s = seconds(span.duration_ns);
    rank.seconds.at(static_cast<size_t>(span.phase)) += duration_s;
    end_ns = std::max(end_ns, span.end_ns());
    // A verb is waited for inside of what it is part of.
    if (span.lane == Lane::generate && span.phase != Phase::communicate) in_spans_s += duration_s;
    if (is_useful(span.phase)) {
      rank.useful_s += duration_s;
      useful_end_ns = span.end_ns();
    }
    if (span.phase == Phase::communicate && span.start_ns < useful_end_ns) rank.useful_s -= duration_s;
    if (span.phase == Phase::denoise) steps.push_back(duration_s / std::max(1, span.num_samples));
    if (span.phase == Phase::decode) rank.num_samples += span.num_samples;
  }
  rank.total_s = seconds(end_ns - trace.info.start_ns);
  rank.other_s = std::max(0.0, rank.total_s - in_spans_s);
  rank.step_s = median(std::move(steps));
  return rank;
}

// A rank's useful spans, those that touch taken together: who waits for whom does not depend on single steps.
struct Work {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  Phase phase = Phase::denoise;
};

std::vector<Work> useful_work(const RankTrace& trace) {
  constexpr int64_t kGap_ns = 1'000'000;
  std::vector<Work> work;
  for (const Span& span : trace.spans) {
    if (!is_useful(span.phase)) continue;
    if (!work.empty() && work.back().phase == span.phase && span.start_ns - work.back().end_ns < kGap_ns) {
      work.back().end_ns = std::max(work.back().end_ns, span.end_ns());
    } else {
      work.push_back({span.start_ns, span.end_ns(), span.phase});
    }
  }
  return work;
}

// Ranks differ by less than this in when they see the same thing.
constexpr int64_t kShortest_ns = 1'000'000;

// Whom a wait was for: the rank whose work ended last before the wait did.
//   rank 0  denoise denoise | end_wait ..............|
//   rank 1  denoise | end_wait ......................|     both wait for rank 2's decode
//   rank 2  denoise denoise denoise | decode decode  |
// Nothing if that is the rank itself, whose place is `own`.
std::optional<size_t> waited_for(const std::vector<std::vector<Work>>& work, size_t own, const Span& wait,
                                 int64_t slack_ns) {
  std::optional<size_t> last_rank;
  int64_t last_end_ns = wait.start_ns;
  for (size_t rank = 0; rank < work.size(); ++rank) {
    if (rank == own) continue;
    // The last work that begins before the wait ends.
    const auto after = std::upper_bound(work[rank].begin(), work[rank].end(), wait.end_ns(),
                                        [](int64_t time, const Work& w) { return time < w.begin_ns; });
    if (after == work[rank].begin()) continue;
    const int64_t end_ns = std::prev(after)->end_ns;
    // What goes on when the wait is over is not what ended it.
    if (end_ns > wait.end_ns() + slack_ns || end_ns <= last_end_ns) continue;
    last_rank = rank;
    last_end_ns = end_ns;
  }
  return last_rank;
}

std::vector<WaitedFor> find_waits(const AttemptTrace& trace) {
  std::vector<std::vector<Work>> work;
  for (const RankTrace& rank : trace.ranks) work.push_back(useful_work(rank));
  std::map<std::tuple<size_t, size_t, Phase>, int64_t> waited;
  const int64_t slack_ns = kShortest_ns + 2 * trace.clock_error_ns;
  for (size_t rank = 0; rank < trace.ranks.size(); ++rank) {
    for (const Span& span : trace.ranks[rank].spans) {
      if (!is_waiting(span.phase) || span.duration_ns < kShortest_ns) continue;
      const auto for_rank = waited_for(work, rank, span, slack_ns);
      if (!for_rank) continue;
      for (const Work& w : work[*for_rank]) {
        const int64_t overlap_ns = std::min(w.end_ns, span.end_ns()) - std::max(w.begin_ns, span.start_ns);
        if (overlap_ns > 0) waited[{rank, *for_rank, w.phase}] += overlap_ns;
      }
    }
  }
  std::vector<WaitedFor> waits;
  for (const auto& [who, ns] : waited) {
    const auto& [rank, for_rank, phase] = who;
    waits.push_back({trace.ranks[rank].info.rank, trace.ranks[for_rank].info.rank, phase, seconds(ns)});
  }
  std::stable_sort(waits.begin(), waits.end(),
                   [](const WaitedFor& a, const WaitedFor& b) { return a.seconds > b.seconds; });
  return waits;
}

// Stretches of time, from left to right, none touching another.
std::vector<std::pair<int64_t, int64_t>> times_of_shards(const AttemptTrace& trace) {
  std::vector<std::pair<int64_t, int64_t>> spans;
  for (const RankTrace& rank : trace.ranks) {
    for (const Span& span : rank.spans) {
      if (span.phase == Phase::shard) spans.emplace_back(span.start_ns, span.end_ns());
    }
  }
  std::sort(spans.begin(), spans.end());
  std::vector<std::pair<int64_t, int64_t>> times;
  for (const auto& [begin_ns, end_ns] : spans) {
    if (times.empty() || begin_ns > times.back().second) times.emplace_back(begin_ns, end_ns);
    times.back().second = std::max(times.back().second, end_ns);
  }
  return times;
}

// After `made_ns`, when the last picture was made.
double seconds_of_waiting_for_shards(const AttemptTrace& trace, int64_t made_ns) {
  const auto shards = times_of_shards(trace);
  int64_t waited_ns = 0;
  for (const RankTrace& rank : trace.ranks) {
    for (const Span& span : rank.spans) {
      if (span.phase != Phase::end_wait && span.phase != Phase::flush) continue;
      for (const auto& [begin_ns, end_ns] : shards) {
        waited_ns += std::max<int64_t>(
            0, std::min(end_ns, span.end_ns()) - std::max({begin_ns, span.start_ns, made_ns}));
      }
    }
  }
  return seconds(waited_ns);
}

void add_metrics(TraceSummary& summary, const AttemptTrace& trace) {
  int64_t first_ns = INT64_MAX;
  int64_t last_ns = 0;
  for (const RankTrace& rank : trace.ranks) {
    for (const Span& span : rank.spans) {
      if (!is_useful(span.phase)) continue;
      first_ns = std::min(first_ns, span.start_ns);
      last_ns = std::max(last_ns, span.end_ns());
    }
  }
  const double all_s = summary.all_s();
  double useful_s = 0;
  double most_useful_s = 0;
  for (const RankSummary& rank : summary.ranks) {
    useful_s += rank.useful_s;
    most_useful_s = std::max(most_useful_s, rank.useful_s);
    summary.num_samples += rank.num_samples;
  }
  summary.utilisation = all_s > 0 ? useful_s / all_s : 0;
  if (summary.num_samples > 0)
    summary.device_seconds_per_image = all_s / static_cast<double>(summary.num_samples);
  if (last_ns <= first_ns || most_useful_s <= 0) return;
  summary.making_s = seconds(last_ns - first_ns);
  summary.last_shards_s = seconds_of_waiting_for_shards(trace, last_ns);
  const double mean_s = useful_s / static_cast<double>(summary.ranks.size());
  summary.load_balance = mean_s / most_useful_s;
  summary.communication_efficiency = most_useful_s / summary.making_s;
  summary.parallel_efficiency = mean_s / summary.making_s;
}

}  // namespace

double TraceSummary::all_s() const {
  double sum = 0;
  for (const RankSummary& rank : ranks) sum += rank.total_s;
  return sum;
}

double TraceSummary::seconds(Phase phase) const {
  double sum = 0;
  for (const RankSummary& rank : ranks) sum += rank.seconds.at(static_cast<size_t>(phase));
  return sum;
}

TraceSummary summarise(const AttemptTrace& trace) {
  TraceSummary summary;
  summary.attempt = trace.attempt;
  summary.num_ranks = trace.ranks.front().info.num_ranks;
  summary.clock_error_s = seconds(trace.clock_error_ns);
  summary.elapsed_s = seconds(trace.end_ns());
  for (const RankTrace& rank : trace.ranks) {
    summary.ranks.push_back(summarise_rank(rank));
    summary.num_lost_spans += rank.num_lost;
  }
  add_metrics(summary, trace);
  summary.waits = find_waits(trace);
  summary.remarks = remarks_on(summary);
  return summary;
}

}  // namespace ditmesh

// The sentences that an expert would say about a trace.

#include <algorithm>
#include <cmath>
#include <utility>

#include "ditmesh/base/text.hpp"
#include "ditmesh/trace/summary.hpp"

namespace ditmesh {

std::vector<std::string> remarks_on(const TraceSummary& summary);

namespace {

// What costs less than this is not worth a sentence.
constexpr double kWorthTelling = 0.02;
// A device this much slower than the others is not of their kind, or not well.
constexpr double kSlow = 1.15;

struct Remark {
  double share = 0;  // of all ranks' time
  std::string text;
};

std::string percent(double share) { return cat(std::lround(share * 100), " %"); }

std::string doing(Phase phase) {
  switch (phase) {
    case Phase::encode:
      return "encoding of prompts";
    case Phase::denoise:
      return "denoising";
    case Phase::decode:
      return "decode";
    default:
      return std::string(name_of(phase));
  }
}

double sum_of(const TraceSummary& summary, std::initializer_list<Phase> phases) {
  double sum = 0;
  for (const RankSummary& rank : summary.ranks) {
    for (const Phase phase : phases) sum += rank.seconds.at(static_cast<size_t>(phase));
  }
  return sum;
}

void remark_on_waits(const TraceSummary& summary, double all_s, std::vector<Remark>& remarks) {
  if (summary.waits.empty()) return;
  const WaitedFor& longest = summary.waits.front();
  const auto rank = std::find_if(summary.ranks.begin(), summary.ranks.end(),
                                 [&](const RankSummary& one) { return one.rank == longest.rank; });
  double all_waits_s = 0;
  for (const WaitedFor& wait : summary.waits) all_waits_s += wait.seconds;
  remarks.push_back({all_waits_s / all_s,
                     cat("rank ", longest.rank, " waits ", percent(longest.seconds / rank->total_s),
                         " of its time for rank ", longest.for_rank, "'s ", doing(longest.phase),
                         "; all such waits are ", percent(all_waits_s / all_s),
                         summary.communication_efficiency > 0.9
                             ? ": at the end of a short job, ranks run out of batches at different times"
                             : "")});
}

void remark_on_slow_ranks(const TraceSummary& summary, std::vector<Remark>& remarks) {
  std::vector<double> steps;
  for (const RankSummary& rank : summary.ranks) {
    if (rank.step_s > 0) steps.push_back(rank.step_s);
  }
  if (steps.size() < 3) return;  // which of two is the slow one?
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  const RankSummary& slowest =
      *std::max_element(summary.ranks.begin(), summary.ranks.end(),
                        [](const RankSummary& a, const RankSummary& b) { return a.step_s < b.step_s; });
  const double ratio = slowest.step_s / *middle;
  if (ratio < kSlow) return;
  const auto hundredths = std::lround(ratio * 100);
  remarks.push_back({(ratio - 1) / static_cast<double>(summary.ranks.size()) + kWorthTelling,
                     cat("rank ", slowest.rank, " on ", slowest.host, " needs ", hundredths / 100, ".",
                         hundredths % 100 < 10 ? "0" : "", hundredths % 100,
                         " times as long for a denoising step as the median rank: look at its device")});
}

}  // namespace

std::vector<std::string> remarks_on(const TraceSummary& summary) {
  double all_s = 0;
  for (const RankSummary& rank : summary.ranks) all_s += rank.total_s;
  if (all_s <= 0) return {"the trace has no spans: the job ended before it began"};
  std::vector<Remark> remarks;
  remark_on_waits(summary, all_s, remarks);
  remark_on_slow_ranks(summary, remarks);
  const auto add = [&](double seconds, const std::string& before, const std::string& after) {
    remarks.push_back({seconds / all_s, cat(before, percent(seconds / all_s), after)});
  };
  add(sum_of(summary, {Phase::set_up, Phase::load}), "set-up and reading weights take ",
      " of the ranks' time: longer jobs and fewer restarts use the devices better");
  add(sum_of(summary, {Phase::hand_over, Phase::flush}), "waiting for the file system takes ",
      " of the ranks' time: the journal and the shards of the output are on a slow one");
  add(sum_of(summary, {Phase::index}), "writing the index takes ", " of the ranks' time");
  add(sum_of(summary, {Phase::communicate}), "waiting inside of groups of ranks takes ",
      " of the ranks' time: see which axis in the picture of the trace");
  std::stable_sort(remarks.begin(), remarks.end(),
                   [](const Remark& a, const Remark& b) { return a.share > b.share; });
  std::vector<std::string> texts;
  for (Remark& remark : remarks) {
    if (remark.share >= kWorthTelling) texts.push_back(std::move(remark.text));
  }
  if (texts.empty())
    texts.push_back(cat(percent(summary.utilisation),
                        " of the ranks' time makes pictures, and nothing else takes ", percent(kWorthTelling),
                        " of it"));
  return texts;
}

}  // namespace ditmesh

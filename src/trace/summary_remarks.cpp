#include "summary_remarks.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <utility>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// What costs less than this is not worth a sentence.
constexpr double kWorthTelling = 0.02;
// A device this much slower than the others is not of their kind, or not well.
constexpr double kSlow = 1.15;

struct Remark {
  double share = 0;  // of all ranks' time
  std::string text;
};

std::string whole_percent(double share) { return cat(std::lround(share * 100), " %"); }

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

void remark_on_waits(const TraceSummary& summary, double all_s, std::vector<Remark>& remarks) {
  if (summary.waits.empty()) return;
  const WaitedFor& longest = summary.waits.front();
  const auto rank = std::find_if(summary.ranks.begin(), summary.ranks.end(),
                                 [&](const RankSummary& one) { return one.rank == longest.rank; });
  double all_waits_s = 0;
  for (const WaitedFor& wait : summary.waits) all_waits_s += wait.seconds;
  remarks.push_back({all_waits_s / all_s,
                     cat("rank ", longest.rank, " waits ", whole_percent(longest.seconds / rank->total_s),
                         " of its time for rank ", longest.for_rank, "'s ", doing(longest.phase),
                         "; all such waits are ", whole_percent(all_waits_s / all_s),
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
  const RankSummary& slowest =
      *std::max_element(summary.ranks.begin(), summary.ranks.end(),
                        [](const RankSummary& a, const RankSummary& b) { return a.step_s < b.step_s; });
  const double ratio = slowest.step_s / median(std::move(steps));
  if (ratio < kSlow) return;
  remarks.push_back(
      {(ratio - 1) / static_cast<double>(summary.ranks.size()) + kWorthTelling,
       cat("rank ", slowest.rank, " on ", slowest.host, " needs ", std::fixed, std::setprecision(2), ratio,
           " times as long for a denoising step as the median rank: look at its device")});
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<std::string> remarks_on(const TraceSummary& summary) {
  const double all_s = summary.all_s();
  if (all_s <= 0) return {"the trace has no spans: the job ended before it began"};
  std::vector<Remark> remarks;
  remark_on_waits(summary, all_s, remarks);
  remark_on_slow_ranks(summary, remarks);
  const auto add = [&](double seconds, const std::string& before, const std::string& after) {
    remarks.push_back({seconds / all_s, cat(before, whole_percent(seconds / all_s), after)});
  };
  add(summary.seconds(Phase::set_up) + summary.seconds(Phase::load), "set-up and reading weights take ",
      " of the ranks' time: longer jobs and fewer restarts use the devices better");
  add(summary.seconds(Phase::hand_over) + summary.seconds(Phase::flush), "waiting for the file system takes ",
      " of the ranks' time: the journal and the shards of the output are on a slow one");
  add(summary.last_shards_s, "when all pictures are made, ranks wait ",
      " of their time for the last shards to be written: smaller ones (--shard-size) are written while "
      "others "
      "are made");
  add(summary.seconds(Phase::index), "writing the index takes ", " of the ranks' time");
  add(summary.seconds(Phase::communicate), "waiting inside of groups of ranks takes ",
      " of the ranks' time: see which axis in the picture of the trace");
  std::stable_sort(remarks.begin(), remarks.end(),
                   [](const Remark& a, const Remark& b) { return a.share > b.share; });
  std::vector<std::string> texts;
  for (Remark& remark : remarks) {
    if (remark.share >= kWorthTelling) texts.push_back(std::move(remark.text));
  }
  if (texts.empty()) {
    texts.push_back(cat(whole_percent(summary.utilisation),
                        " of the ranks' time makes pictures, and nothing else takes ",
                        whole_percent(kWorthTelling), " of it"));
  }
  return texts;
}

}  // namespace ditmesh

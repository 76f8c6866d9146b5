// A summary for people, and as JSON.

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "ditmesh/base/text.hpp"
#include "ditmesh/trace/summary.hpp"

namespace ditmesh {

namespace {

// A job of thousands of ranks is not listed rank by rank.
constexpr size_t kMaxListed = 32;

// Parts of a second too: traces are about them.
std::string short_seconds(double seconds) {
  if (seconds < 1e-3) return cat(std::lround(seconds * 1e6), " µs");
  return seconds < 1 ? cat(std::lround(seconds * 1e3), " ms") : human_seconds(seconds);
}

bool is_of_generating_thread(Phase phase) {
  return phase != Phase::journal && phase != Phase::shard && phase != Phase::hash;
}

void add_phases(const TraceSummary& summary, double all_s, std::ostringstream& text) {
  text << "\nwhere the ranks' time went (" << short_seconds(all_s) << " together)\n";
  double other_s = 0;
  for (const RankSummary& rank : summary.ranks) other_s += rank.other_s;
  const auto line = [&](std::string_view name, double seconds) {
    text << "  " << std::left << std::setw(12) << name << std::right << std::setw(12)
         << short_seconds(seconds) << std::setw(10) << percent(seconds / all_s) << "\n";
  };
  for (size_t phase = 0; phase < kNumPhases; ++phase) {
    const auto one = static_cast<Phase>(phase);
    const double seconds = summary.seconds(one);
    if (seconds > 0 && is_of_generating_thread(one)) line(name_of(one), seconds);
  }
  line("other", other_s);
  text << "beside it, on threads of their own\n";
  for (const Phase phase : {Phase::journal, Phase::shard, Phase::hash})
    line(name_of(phase), summary.seconds(phase));
}

void add_ranks(const TraceSummary& summary, std::ostringstream& text) {
  constexpr std::array<Phase, 6> kColumns = {Phase::load,   Phase::encode, Phase::denoise,
                                             Phase::decode, Phase::queue,  Phase::end_wait};
  text << "\n  rank  images     total";
  for (const Phase phase : kColumns) text << std::setw(10) << name_of(phase);
  text << "    useful  host\n";
  for (size_t i = 0; i < std::min(summary.ranks.size(), kMaxListed); ++i) {
    const RankSummary& rank = summary.ranks[i];
    text << std::setw(6) << rank.rank << std::setw(8) << rank.num_samples << std::setw(10)
         << short_seconds(rank.total_s);
    for (const Phase phase : kColumns)
      text << std::setw(10) << short_seconds(rank.seconds.at(static_cast<size_t>(phase)));
    text << std::setw(10) << percent(rank.total_s > 0 ? rank.useful_s / rank.total_s : 0) << "  " << rank.host
         << "\n";
  }
  if (summary.ranks.size() > kMaxListed)
    text << "  … " << summary.ranks.size() - kMaxListed << " more ranks (--json lists all)\n";
}

}  // namespace

std::string to_text(const TraceSummary& summary) {
  const double all_s = summary.all_s();
  std::ostringstream text;
  text << "attempt " << summary.attempt << ": " << counted(summary.num_samples, "picture") << " on "
       << counted(summary.num_ranks, "rank") << " in " << short_seconds(summary.elapsed_s);
  if (summary.num_samples > 0)
    text << ", " << short_seconds(summary.device_seconds_per_image) << " of a device per picture";
  text << "\n";
  for (const std::string& remark : summary.remarks) text << "  • " << remark << "\n";
  text << "\nutilisation              " << percent(summary.utilisation)
       << "  of all time on all ranks makes pictures\n";
  text << "while pictures are made  (" << short_seconds(summary.making_s) << ")\n";
  text << "  parallel efficiency    " << percent(summary.parallel_efficiency) << "\n";
  text << "  = load balance         " << percent(summary.load_balance) << "  mean / largest useful time\n";
  text << "  × communication eff.   " << percent(summary.communication_efficiency)
       << "  largest useful time / elapsed\n";
  if (all_s > 0) add_phases(summary, all_s, text);
  add_ranks(summary, text);
  if (static_cast<size_t>(summary.num_ranks) > summary.ranks.size())
    text << "  " << static_cast<size_t>(summary.num_ranks) - summary.ranks.size() << " ranks left no trace\n";
  if (summary.num_lost_spans > 0)
    text << summary.num_lost_spans << " spans were lost: the recorder was too slow\n";
  text << "\nclocks agree within " << short_seconds(summary.clock_error_s) << "\n";
  return text.str();
}

OrderedJson to_json(const TraceSummary& summary) {
  OrderedJson json{{"attempt", summary.attempt},
                   {"num_ranks", summary.num_ranks},
                   {"elapsed_s", summary.elapsed_s},
                   {"making_s", summary.making_s},
                   {"num_samples", summary.num_samples},
                   {"device_seconds_per_image", summary.device_seconds_per_image},
                   {"utilisation", summary.utilisation},
                   {"parallel_efficiency", summary.parallel_efficiency},
                   {"load_balance", summary.load_balance},
                   {"communication_efficiency", summary.communication_efficiency},
                   {"clock_error_s", summary.clock_error_s},
                   {"num_lost_spans", summary.num_lost_spans},
                   {"remarks", summary.remarks}};
  json["last_shards_s"] = summary.last_shards_s;
  json["waits"] = OrderedJson::array();
  for (const WaitedFor& wait : summary.waits) {
    json["waits"].push_back({{"rank", wait.rank},
                             {"for_rank", wait.for_rank},
                             {"phase", name_of(wait.phase)},
                             {"seconds", wait.seconds}});
  }
  json["ranks"] = OrderedJson::array();
  for (const RankSummary& rank : summary.ranks) {
    OrderedJson phases;
    for (size_t phase = 0; phase < kNumPhases; ++phase)
      phases[std::string(name_of(static_cast<Phase>(phase)))] = rank.seconds.at(phase);
    json["ranks"].push_back({{"rank", rank.rank},
                             {"host", rank.host},
                             {"num_samples", rank.num_samples},
                             {"total_s", rank.total_s},
                             {"useful_s", rank.useful_s},
                             {"other_s", rank.other_s},
                             {"median_step_s", rank.step_s},
                             {"seconds", phases}});
  }
  return json;
}

}  // namespace ditmesh

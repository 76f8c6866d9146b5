#include "ditmesh/trace/timeline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>
#include <sstream>
#include <string_view>
#include <vector>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int kWidth_px = 1600;
constexpr size_t kThroughput_px = 200;
constexpr int kThroughputBins = 80;

// Useful work in cool colours, waiting in warm ones, the rest in greys.
std::string_view colour_of(Phase phase) {
  switch (phase) {
    case Phase::denoise:
      return "#2166ac";
    case Phase::decode:
      return "#1b9e77";
    case Phase::encode:
      return "#7fcdbb";
    case Phase::queue:
      return "#d7301f";
    case Phase::end_wait:
      return "#fdbb84";
    case Phase::communicate:
      return "#fecc5c";
    case Phase::hand_over:
    case Phase::flush:
      return "#88419d";
    case Phase::load:
      return "#969696";
    case Phase::set_up:
      return "#d9d9d9";
    default:
      return "#525252";
  }
}

struct Stretch {
  int begin = 0;  // columns
  int end = 0;
  Phase phase = Phase::set_up;
};

// What the generating thread mostly did in each column of the picture, equal neighbours together.
std::vector<Stretch> stretches_of(const RankTrace& rank, double ns_per_column) {
  std::vector<std::array<double, kNumPhases>> time(kTimelineColumns);
  for (const Span& span : rank.spans) {
    if (span.lane != Lane::generate) continue;
    const double begin = std::max(0.0, static_cast<double>(span.start_ns) / ns_per_column);
    const double end = std::max(begin, static_cast<double>(span.end_ns()) / ns_per_column);
    for (int column = static_cast<int>(begin); column < kTimelineColumns && column < end; ++column) {
      time[static_cast<size_t>(column)].at(static_cast<size_t>(span.phase)) +=
          std::min(end, column + 1.0) - std::max(begin, static_cast<double>(column));
    }
  }
  std::vector<Stretch> stretches;
  for (int column = 0; column < kTimelineColumns; ++column) {
    const auto& here = time[static_cast<size_t>(column)];
    const auto most = std::max_element(here.begin(), here.end());
    if (*most <= 0) continue;
    const auto phase = static_cast<Phase>(most - here.begin());
    if (!stretches.empty() && stretches.back().phase == phase && stretches.back().end == column) {
      ++stretches.back().end;
    } else {
      stretches.push_back({column, column + 1, phase});
    }
  }
  return stretches;
}

// Pictures per second, by when their decoding ended.
std::vector<double> throughput(const AttemptTrace& trace, double bin_s) {
  std::vector<double> bins(kThroughputBins);
  for (const RankTrace& rank : trace.ranks) {
    for (const Span& span : rank.spans) {
      if (span.phase != Phase::decode) continue;
      const auto bin = static_cast<size_t>(static_cast<double>(span.end_ns()) * 1e-9 / bin_s);
      bins[std::min(bin, bins.size() - 1)] += span.num_samples / bin_s;
    }
  }
  return bins;
}

// In single quotes gnuplot takes everything as it is, but for the quote.
std::string quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

// The boxes of every phase, as lines "x y x-begin x-end y-begin y-end".
using Boxes = std::array<std::string, kNumPhases>;

Boxes boxes_of(const AttemptTrace& trace, size_t every, double column_s) {
  Boxes boxes;
  const double half = 0.4 * static_cast<double>(every);
  for (size_t i = 0; i < trace.ranks.size(); i += every) {
    const int32_t rank = trace.ranks[i].info.rank;
    for (const Stretch& stretch : stretches_of(trace.ranks[i], column_s * 1e9)) {
      boxes.at(static_cast<size_t>(stretch.phase)) +=
          cat((stretch.begin + stretch.end) * 0.5 * column_s, ' ', rank, ' ', stretch.begin * column_s, ' ',
              stretch.end * column_s, ' ', rank - half, ' ', rank + half, '\n');
    }
  }
  return boxes;
}

void add_ranks(const AttemptTrace& trace, size_t every, double column_s, std::ostream& script) {
  const Boxes boxes = boxes_of(trace, every, column_s);
  std::vector<std::string> plots;
  for (size_t phase = 0; phase < kNumPhases; ++phase) {
    if (boxes.at(phase).empty()) continue;
    script << "$phase" << phase << " << EOD\n" << boxes.at(phase) << "EOD\n";
    plots.push_back(cat("$phase", phase, " using 1:2:3:4:5:6 with boxxyerror lc rgb '",
                        colour_of(static_cast<Phase>(phase)), "' title '", name_of(static_cast<Phase>(phase)),
                        "'"));
  }
  const double margin = 0.6 * static_cast<double>(every);
  script << "set label 1 'attempt " << trace.attempt << ", "
         << counted(static_cast<int64_t>(trace.ranks.size()), "rank")
         << (every > 1 ? cat(", every ", every, "th shown") : "")
         << "' at screen 0.01, screen 1 offset 0,-1.2\n"
         << "set key at screen 0.99, screen 1 right top horizontal maxrows 1 samplen 2\n"
         << "set ylabel 'rank'\nset yrange [" << trace.ranks.back().info.rank + margin << ":"
         << trace.ranks.front().info.rank - margin << "]\n"
         << (trace.ranks.size() <= 16 ? "set ytics 1\n" : "set ytics autofreq\n") << "plot "
         << (plots.empty() ? "NaN notitle" : join(plots, ", ")) << "\n";
}

// 1, 2 or 5 times a power of ten, such that about three fit.
double tick(double largest) {
  const double third = std::max(largest, 1e-9) / 3;
  const double power = std::pow(10, std::floor(std::log10(third)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= third) return step * power;
  }
  return 10 * power;
}

void add_throughput(const AttemptTrace& trace, double end_s, std::ostream& script) {
  const double bin_s = end_s / kThroughputBins;
  const auto rates = throughput(trace, bin_s);
  script << "unset label 1\nset xlabel 'seconds since the start of rank 0'\nset ylabel 'pictures/s'\n"
         << "set yrange [0:*]\nset ytics " << tick(*std::max_element(rates.begin(), rates.end()))
         << "\n$rate << EOD\n";
  for (size_t bin = 0; bin < rates.size(); ++bin)
    script << (static_cast<double>(bin) + 0.5) * bin_s << ' ' << rates[bin] << '\n';
  script << "EOD\nplot $rate using 1:2 with boxes lc rgb '" << colour_of(Phase::denoise) << "' notitle\n";
}

}  // namespace

std::string timeline_script(const AttemptTrace& trace, const std::string& png_file) {
  const double end_s = std::max(1e-3, static_cast<double>(trace.end_ns()) * 1e-9);
  const size_t every = (trace.ranks.size() + kTimelineRanks - 1) / kTimelineRanks;
  const size_t height_px = 2 * kThroughput_px + 14 * (trace.ranks.size() / every);
  const double below = static_cast<double>(kThroughput_px) / static_cast<double>(height_px);
  std::ostringstream script;
  script << "set terminal pngcairo size " << kWidth_px << "," << height_px << " font ',13' noenhanced\n"
         << "set output " << quoted(png_file) << "\nset multiplot\n"
         << "set lmargin 10\nset rmargin 4\nset xrange [0:" << end_s << "]\n"
         << "set border 3\nset tics nomirror out\nset style fill solid noborder\n"
         << "set origin 0," << below << "\nset size 1," << 1 - below << "\nset tmargin 3\n";
  add_ranks(trace, every, end_s / kTimelineColumns, script);
  script << "set origin 0,0\nset size 1," << below << "\nset tmargin 1\n";
  add_throughput(trace, end_s, script);
  script << "unset multiplot\n";
  return script.str();
}

}  // namespace ditmesh

// The examples of src/trace/METRICS.md are what the program computes and prints.

#include <gtest/gtest.h>

#include "ditmesh/base/file.hpp"
#include "ditmesh/trace/clock_model.hpp"
#include "ditmesh/trace/summary.hpp"
#include "traces.hpp"

namespace ditmesh {
namespace {

using testing::RankTraceMaker;

std::string page() { return read_file(DITMESH_SOURCE_DIR "/src/trace/METRICS.md"); }

//   rank 0  load 0–2 | encode 2–3 | denoise ×4 3–9 | decode 9–10 | end_wait 10–12 s      rank 1 the same
//   rank 2  load 0–2 | queue 2–3 | encode 3–4 | denoise ×4 4–11 | decode 11–12
TraceSummary example() {
  std::vector<RankTrace> ranks;
  for (int32_t rank = 0; rank < 2; ++rank) {
    ranks.push_back(RankTraceMaker(rank, 3)
                        .add(Phase::load, 2)
                        .add(Phase::encode, 1)
                        .batch(2 * rank, 2, 4, 1.5)
                        .add(Phase::end_wait, 2)
                        .trace());
  }
  ranks.push_back(RankTraceMaker(2, 3)
                      .add(Phase::load, 2)
                      .add(Phase::queue, 1)
                      .add(Phase::encode, 1)
                      .batch(4, 2, 4, 1.75)
                      .trace());
  for (RankTrace& rank : ranks) rank.clock = {{0, 0, 12'000}};
  return summarise(gather(ranks));
}

TEST(MetricsPage, ComputesItsExample) {
  const TraceSummary summary = example();
  EXPECT_DOUBLE_EQ(summary.ranks[0].useful_s, 8);
  EXPECT_DOUBLE_EQ(summary.ranks[1].useful_s, 8);
  EXPECT_DOUBLE_EQ(summary.ranks[2].useful_s, 9);
  EXPECT_DOUBLE_EQ(summary.making_s, 10);
  EXPECT_DOUBLE_EQ(summary.load_balance, 25.0 / 3 / 9);
  EXPECT_DOUBLE_EQ(summary.communication_efficiency, 9.0 / 10);
  EXPECT_DOUBLE_EQ(summary.parallel_efficiency, 25.0 / 3 / 10);
  EXPECT_DOUBLE_EQ(summary.utilisation, 25.0 / 36);
  EXPECT_DOUBLE_EQ(summary.device_seconds_per_image, 36.0 / 6);
  EXPECT_DOUBLE_EQ(summary.ranks[0].step_s, 1.5 / 2);
  EXPECT_DOUBLE_EQ(summary.ranks[2].step_s, 1.75 / 2);
}

TEST(MetricsPage, ShowsWhatIsPrinted) {
  const std::string text = to_text(example());
  EXPECT_NE(page().find("```\n" + text + "```\n"), std::string::npos) << text;
}

TEST(MetricsPage, ComparesClocksAsItSays) {
  EXPECT_EQ(clock_offset({{100, 1050, 120}, {300, 1280, 350}}), (ClockOffset{120, 940, 10}));
  const ClockModel clock({{120, 940, 10}, {1120, 960, 10}});
  EXPECT_EQ(clock.to_rank_0(620), 620 + 950);
  EXPECT_NE(page().find("620 + 950 = 1570"), std::string::npos);
}

TEST(MetricsPage, ListsEveryPhase) {
  for (size_t i = 0; i < kNumPhases; ++i) {
    const std::string name(name_of(static_cast<Phase>(i)));
    EXPECT_NE(page().find("\n| `" + name + "` |"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace ditmesh

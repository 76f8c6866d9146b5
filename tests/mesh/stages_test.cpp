#include "ditmesh/mesh/stages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

double dearest(const std::vector<double>& costs, const std::vector<Range>& stages, double before,
               double after) {
  double most = 0;
  for (const Range& stage : stages) {
    double cost = stage.begin == 0 ? before : 0;
    if (stage.end == static_cast<int64_t>(costs.size())) cost += after;
    for (int64_t i = stage.begin; i < stage.end; ++i) cost += costs[static_cast<size_t>(i)];
    most = std::max(most, cost);
  }
  return most;
}

// All cuts, one by one.
double best_of_all(const std::vector<double>& costs, int num_stages, double before, double after) {
  const auto num_blocks = static_cast<int>(costs.size());
  double best = 1e300;
  for (int mask = 0; mask < 1 << (num_blocks - 1); ++mask) {
    if (__builtin_popcount(static_cast<unsigned>(mask)) != num_stages - 1) continue;
    std::vector<Range> stages{{0, 0}};
    for (int i = 0; i < num_blocks; ++i) {
      stages.back().end = i + 1;
      if (i + 1 < num_blocks && (mask >> i & 1) != 0) stages.push_back({i + 1, i + 1});
    }
    best = std::min(best, dearest(costs, stages, before, after));
  }
  return best;
}

TEST(Stages, AreBalancedByCost) {
  const std::vector<double> costs = {2, 2, 2, 1, 1, 1, 1};
  EXPECT_EQ(balanced_stages(costs, 1), (std::vector<Range>{{0, 7}}));
  EXPECT_EQ(balanced_stages(costs, 2), (std::vector<Range>{{0, 3}, {3, 7}}));
  EXPECT_EQ(balanced_stages(costs, 2, 0, 3), (std::vector<Range>{{0, 4}, {4, 7}}));
  EXPECT_EQ(balanced_stages(costs, 7).size(), 7u);
}

TEST(Stages, NoCutIsBetter) {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::vector<double> costs;
    for (unsigned blocks = 2 + random() % 8; blocks > 0; --blocks)
      costs.push_back(static_cast<double>(1 + random() % 5));
    const auto before = static_cast<double>(random() % 3);
    const auto after = static_cast<double>(random() % 3);
    const int stages = 1 + static_cast<int>(random() % costs.size());
    const auto cut = balanced_stages(costs, stages, before, after);
    EXPECT_EQ(cut.size(), static_cast<size_t>(stages));
    EXPECT_EQ(dearest(costs, cut, before, after), best_of_all(costs, stages, before, after));
  }
}

TEST(Stages, ReadAndWritten) {
  EXPECT_EQ(parse_stages("0-10,11-24", 25, 2), (std::vector<Range>{{0, 11}, {11, 25}}));
  EXPECT_EQ(parse_stages(" 0 , 1-2", 3, 2), (std::vector<Range>{{0, 1}, {1, 3}}));
  EXPECT_EQ(to_string({{0, 11}, {11, 12}}), "0-10,11");
}

TEST(Stages, RefusedWithAnExample) {
  const auto error = [](const char* text) {
    try {
      parse_stages(text, 57, 2);
    } catch (const ConfigError& caught) {
      return std::string(caught.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(error("0-10,12-56").find("block 12, block 11 comes next"), std::string::npos);
  EXPECT_NE(error("0-10,11-55").find("they hold 56 blocks, the model has 57"), std::string::npos);
  EXPECT_NE(error("0-56").find("they are 1 stage, the mesh has pipeline=2"), std::string::npos);
  EXPECT_NE(error("10-0,11-56").find("'10-0' must be FIRST-LAST"), std::string::npos);
  EXPECT_NE(error("a-b").find("for example --stages 0-28,29-56"), std::string::npos) << error("a-b");
  EXPECT_NE(error("0-9223372036854775807").find("must be FIRST-LAST, the numbers of blocks from 0 to 56"),
            std::string::npos);
  EXPECT_THROW(parse_stages("0-1", 57, 58), ConfigError);
  EXPECT_THROW(parse_stages("0", 0, 1), ConfigError);  // a UNet
  EXPECT_NE(error("").find("must be FIRST-LAST"), std::string::npos);
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/plan.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

// One letter a sample: A, B, C are sizes; a lower-case letter has other steps, '+' behind it true CFG.
SampleList samples_of(const std::string& text) {
  std::vector<Sample> samples;
  for (const char c : text) {
    if (c == '+') {
      samples.back().true_cfg = 3;
      continue;
    }
    const bool is_lower = c >= 'a';
    Sample sample;
    sample.height = 64 * ((is_lower ? c - 'a' : c - 'A') + 1);
    sample.width = 64;
    sample.steps = is_lower ? 4 : 20;
    sample.true_cfg = 1;
    samples.push_back(sample);
  }
  return SampleList(std::move(samples));
}

// The work units of a whole plan, as "shard: positions | positions".
std::vector<std::string> units_of(const Plan& plan, const Plan::IsOpen& is_open = {}) {
  std::vector<std::string> all;
  for (int64_t shard = 0; shard < static_cast<int64_t>(plan.shards.size()); ++shard) {
    std::vector<std::string> positions;
    for (const WorkUnit& unit : plan.units(shard, is_open)) {
      EXPECT_EQ(unit.shard, shard);
      positions.push_back(join(unit.positions, " "));
    }
    all.push_back(join(positions, " | "));
  }
  return all;
}

struct PlanCase {
  const char* name;
  std::string samples;
  int64_t shard_size;
  int64_t batch;
  std::vector<Bucket> buckets;
  std::vector<Shard> shards;
  std::vector<std::string> units;  // of each shard
};

class Plans : public ::testing::TestWithParam<PlanCase> {};

TEST_P(Plans, AreAsExpected) {
  const PlanCase& given = GetParam();
  const Plan plan = make_plan(samples_of(given.samples), {given.shard_size, given.batch});
  EXPECT_EQ(plan.buckets, given.buckets);
  EXPECT_EQ(plan.shards, given.shards);
  EXPECT_EQ(units_of(plan), given.units);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Plans,
    ::testing::Values(
        PlanCase{"none", "", 3, 2, {}, {}, {}},
        PlanCase{"one", "A", 3, 2, {{64, 64, {0}}}, {{0, 0, 1, "64x64-000000"}}, {"0"}},
        // The example of plan.hpp.
        PlanCase{"two_sizes",
                 "AABABAA",
                 3,
                 2,
                 {{64, 64, {0, 1, 3, 5, 6}}, {128, 64, {2, 4}}},
                 {{0, 0, 3, "64x64-000000"}, {0, 3, 5, "64x64-000001"}, {1, 0, 2, "128x64-000000"}},
                 {"0 1 | 2", "0 1", "0 1"}},
        PlanCase{"first_appearance_orders_buckets",
                 "BA",
                 3,
                 1,
                 {{128, 64, {0}}, {64, 64, {1}}},
                 {{0, 0, 1, "128x64-000000"}, {1, 0, 1, "64x64-000000"}},
                 {"0", "0"}},
        PlanCase{"steps_cut_units",
                 "AAaaA",
                 8,
                 4,
                 {{64, 64, {0, 1, 2, 3, 4}}},
                 {{0, 0, 5, "64x64-000000"}},
                 {"0 1 | 2 3 | 4"}},
        PlanCase{"true_cfg_cuts_units",
                 "AA+A+A",
                 8,
                 4,
                 {{64, 64, {0, 1, 2, 3}}},
                 {{0, 0, 4, "64x64-000000"}},
                 {"0 | 1 2 | 3"}},
        PlanCase{"batch_ends_at_the_shard",
                 "AAAAA",
                 2,
                 4,
                 {{64, 64, {0, 1, 2, 3, 4}}},
                 {{0, 0, 2, "64x64-000000"}, {0, 2, 4, "64x64-000001"}, {0, 4, 5, "64x64-000002"}},
                 {"0 1", "0 1", "0"}}),
    [](const auto& test) { return test.param.name; });

struct SizeCase {
  int64_t num_samples;
  int32_t side;
  std::vector<int64_t> shard_sizes;
};

class DefaultShardSize : public ::testing::TestWithParam<SizeCase> {};

TEST_P(DefaultShardSize, IsAThousandOrA256thOr8GiB) {
  const SizeCase& given = GetParam();
  Sample sample;
  sample.height = sample.width = given.side;
  const Plan plan =
      make_plan(SampleList(std::vector<Sample>(static_cast<size_t>(given.num_samples), sample)), {});
  std::vector<int64_t> sizes;
  for (const Shard& shard : plan.shards) sizes.push_back(shard.size());
  EXPECT_EQ(sizes, given.shard_sizes);
}

// 8 GiB hold 10 pictures of 16384 x 16384 (805,306,368 bytes each).
INSTANTIATE_TEST_SUITE_P(Table, DefaultShardSize,
                         ::testing::Values(SizeCase{999, 64, {999}}, SizeCase{1000, 64, {1000}},
                                           SizeCase{1001, 64, {1000, 1}}, SizeCase{25, 16384, {10, 10, 5}}));

TEST(DefaultShardSize, KeepsTheNumberOfShardsAt256) {
  PlanBuilder builder;
  for (int i = 0; i < 256'001; ++i) builder.add(64, 64, 20, false);
  const Plan plan = builder.finish({0, 64});
  EXPECT_EQ(plan.shards.size(), 256U);
  EXPECT_EQ(plan.shards[0].size(), 1001);
}

struct TilingCase {
  int64_t shard_size;
  int64_t batch;
  std::vector<int64_t> extended_at;
};

class Tiling : public ::testing::TestWithParam<TilingCase> {};

TEST_P(Tiling, HasEverySampleOnceWhateverIsDone) {
  const SampleList samples = samples_of("ABAa+CCCBAAAcC+C+aaBBBBAAAA");
  const auto num_samples = static_cast<size_t>(samples.size());
  const TilingCase& given = GetParam();
  const Plan plan = make_plan(samples, {given.shard_size, given.batch, given.extended_at});
  const auto places = sample_places(plan);
  ASSERT_EQ(places.size(), num_samples);
  // Everything open, every third sample done, everything done.
  for (const int64_t stride : {0, 3, 1}) {
    const Plan::IsOpen is_open = [&](int64_t sample) { return stride == 0 || sample % stride != 0; };
    std::vector<int> in_units(num_samples);
    for (int64_t shard = 0; shard < static_cast<int64_t>(plan.shards.size()); ++shard) {
      int64_t last = -1;
      for (const WorkUnit& unit : plan.units(shard, is_open)) {
        EXPECT_GE(unit.size(), 1);
        EXPECT_LE(unit.size(), given.batch);
        for (const int64_t position : unit.positions) {
          EXPECT_GT(position, std::exchange(last, position)) << "in order";
          const int64_t index = plan.sample_at(shard, position);
          ++in_units[static_cast<size_t>(index)];
          EXPECT_EQ(places[static_cast<size_t>(index)], (SamplePlace{shard, position}));
          const Sample sample = samples.sample(index);
          EXPECT_EQ(sample.steps, unit.steps);
          EXPECT_EQ(sample.uses_true_cfg(), unit.true_cfg);
        }
      }
    }
    for (size_t i = 0; i < num_samples; ++i) {
      EXPECT_EQ(in_units[i], is_open(static_cast<int64_t>(i)) ? 1 : 0) << i << "\n" << plan;
    }
  }
}

TEST_P(Tiling, HasEverySampleInOnePart) {
  const SampleList samples = samples_of("ABAa+CCCBAAAcC+C+aaBBBBAAAA");
  const Plan plan = make_plan(samples, {GetParam().shard_size, 1, GetParam().extended_at});
  for (const int64_t num_parts : {1, 2, 3, 7, 50}) {
    std::vector<int> times(static_cast<size_t>(samples.size()));
    for (int64_t part = 0; part < num_parts; ++part) {
      for (int64_t shard = 0; shard < static_cast<int64_t>(plan.shards.size()); ++shard) {
        if (!in_part(shard, part, num_parts)) continue;
        for (const int64_t sample : plan.samples_of(shard)) ++times[static_cast<size_t>(sample)];
      }
    }
    EXPECT_THAT(times, ::testing::Each(1)) << num_parts << " parts";
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Tiling,
                         ::testing::Values(TilingCase{1, 1, {}}, TilingCase{1, 7, {}}, TilingCase{2, 3, {}},
                                           TilingCase{5, 7, {}}, TilingCase{100, 3, {}},
                                           TilingCase{2, 3, {7}}, TilingCase{5, 7, {1, 2, 13}},
                                           TilingCase{100, 3, {12, 20}}, TilingCase{0, 4, {9}}));

TEST(Plan, LeavesHolesOutOfUnits) {
  const Plan plan = make_plan(samples_of("AAaaAAAA"), {8, 2});
  EXPECT_THAT(units_of(plan), ElementsAre("0 1 | 2 3 | 4 5 | 6 7"));
  const auto without = [&](const std::vector<int64_t>& done) {
    return units_of(
        plan, [&](int64_t sample) { return std::find(done.begin(), done.end(), sample) == done.end(); });
  };
  EXPECT_THAT(without({0}), ElementsAre("1 | 2 3 | 4 5 | 6 7"));
  EXPECT_THAT(without({5}), ElementsAre("0 1 | 2 3 | 4 6 | 7"));
  EXPECT_THAT(without({2, 3}), ElementsAre("0 1 | 4 5 | 6 7"));
  EXPECT_THAT(without({0, 1, 2, 3, 4, 5, 6, 7}), ElementsAre(""));
}

TEST(Plan, SaysWhatAUnitCosts) {
  const Plan plan = make_plan(samples_of("AAa+B"), {8, 2});
  const auto cost = [&](int64_t shard, size_t unit) { return plan.cost(plan.units(shard).at(unit)); };
  EXPECT_EQ(cost(0, 0), 64 * 64 * 20 * 2) << "two samples";
  EXPECT_EQ(cost(0, 1), 64 * 64 * 4 * 2) << "two evaluations a step";
  EXPECT_EQ(cost(1, 0), 128 * 64 * 20);
}

// The example of plan.hpp.
TEST(ExtendedPlan, PutsNewSamplesIntoNewShards) {
  const Plan plan = make_plan(samples_of("AABABAA"), {3, 2, {4}});
  EXPECT_EQ(plan.shards, (std::vector<Shard>{{0, 0, 3, "64x64-000000"},
                                             {1, 0, 1, "128x64-000000"},
                                             {0, 3, 5, "64x64-000001"},
                                             {1, 1, 2, "128x64-000001"}}));
}

TEST(ExtendedPlan, BeginsWithThePlansBefore) {
  const std::string text = "ABABBCAAAACCBBABCADDDAB";
  for (const std::vector<int64_t>& history : {std::vector<int64_t>{5}, {1}, {5, 6, 17}, {5, 5, 23}, {22}}) {
    for (const int64_t shard_size : {1, 2, 3, 0}) {
      for (size_t i = 0; i < history.size(); ++i) {
        const auto at = history.begin() + static_cast<std::ptrdiff_t>(i);
        const Plan before = make_plan(samples_of(text.substr(0, static_cast<size_t>(*at))),
                                      {shard_size, 1, {history.begin(), at}});
        const Plan after = make_plan(samples_of(text), {shard_size, 1, history});
        ASSERT_LE(before.shards.size(), after.shards.size());
        for (size_t shard = 0; shard < before.shards.size(); ++shard) {
          const auto number = static_cast<int64_t>(shard);
          EXPECT_EQ(before.shards[shard], after.shards[shard]);
          const auto samples = before.samples_of(number);
          EXPECT_THAT(after.samples_of(number), ::testing::ElementsAreArray(samples.begin(), samples.end()));
        }
      }
    }
  }
}

TEST(ExtendedPlan, KeepsTheDefaultShardSizeOfItsTime) {
  PlanBuilder builder;
  for (int i = 0; i < 600'000; ++i) builder.add(64, 64, 20, false);
  const Plan plan = builder.finish({0, 1, {2500, 300'000}});
  EXPECT_EQ(plan.shards[0].size(), 1000);
  EXPECT_EQ(plan.shards[2].size(), 500);
  EXPECT_EQ(plan.shards[3].size(), 1172) << "ceil(300,000 / 256)";
  EXPECT_EQ(plan.shards.back().end, 600'000);
  EXPECT_EQ(plan.shards[plan.shards.size() - 2].size(), 2344) << "ceil(600,000 / 256)";
}

TEST(ExtendedPlan, RefusesAHistoryThatCannotBe) {
  const auto error = [](const std::vector<int64_t>& extended_at) {
    return error_of<ConfigError>([&] { make_plan(samples_of("AAAA"), {0, 1, extended_at}); });
  };
  EXPECT_THAT(error({5}),
              AllOf(HasSubstr("gives 4 samples now, but the dataset was extended (--extend) at 5"),
                    HasSubstr("another --output")));
  EXPECT_THAT(error({3, 2}), HasSubstr("(--extend) at 3, 2"));
  EXPECT_EQ(error({2, 4}), "no error");
}

TEST(Plan, PlacesDoNotDependOnTheBatch) {
  const SampleList samples = samples_of("ABAABaaB");
  EXPECT_EQ(sample_places(make_plan(samples, {2, 1})), sample_places(make_plan(samples, {2, 5})));
}

TEST(Plan, PrintsItself) {
  std::ostringstream out;
  out << make_plan(samples_of("AB"), {3, 2});
  EXPECT_EQ(out.str(),
            "bucket 64x64: 1 samples\nbucket 128x64: 1 samples\n"
            "shard 64x64-000000 [0, 1)\nshard 128x64-000000 [0, 1)\n");
  out.str("");
  out << WorkUnit{2, {0, 3, 4}, 20, false};
  EXPECT_EQ(out.str(), "shard 2 [0 3 4]");
  EXPECT_EQ(make_plan(samples_of("A"), {}).shards[0].file(), "shards/64x64-000000.h5");
}

TEST(Plan, RefusesSizesThatCannotWork) {
  const auto error = [](const PlanOptions& options) {
    Sample sample;
    sample.height = sample.width = 16384;
    return error_of<ConfigError>([&] { make_plan(SampleList({sample}), options); });
  };
  EXPECT_THAT(error({0, 0}), HasSubstr("--batch must be at least 1, found 0"));
  EXPECT_THAT(error({-1, 1}), HasSubstr("--shard-size must be at least 1, found -1"));
  EXPECT_THAT(error({11, 1}), AllOf(HasSubstr("at most 8.0 GiB"), HasSubstr("--shard-size 11 at 16384x16384"),
                                    HasSubstr("makes 8.2 GiB"), HasSubstr("use --shard-size 10 or less")));
}

}  // namespace
}  // namespace ditmesh

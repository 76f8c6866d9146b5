#include "ditmesh/dataset/plan.hpp"

#include <sstream>

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

// One letter a sample: A, B, C are sizes; a lower-case letter has other steps, '+' behind it true CFG.
std::vector<Sample> samples_of(const std::string& text) {
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
  return samples;
}

struct PlanCase {
  const char* name;
  std::string samples;
  int64_t shard_size;
  int64_t batch;
  std::vector<Bucket> buckets;
  std::vector<Shard> shards;
  std::vector<WorkUnit> units;
};

class Plans : public ::testing::TestWithParam<PlanCase> {};

TEST_P(Plans, AreAsExpected) {
  const PlanCase& given = GetParam();
  const Plan plan = make_plan(samples_of(given.samples), {given.shard_size, given.batch});
  EXPECT_EQ(plan.buckets, given.buckets);
  EXPECT_EQ(plan.shards, given.shards);
  EXPECT_EQ(plan.units, given.units);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Plans,
    ::testing::Values(
        PlanCase{"none", "", 3, 2, {}, {}, {}},
        PlanCase{"one", "A", 3, 2, {{64, 64, {0}}}, {{0, 0, 1, "64x64-000000"}}, {{0, 0, 1}}},
        // The example of plan.hpp.
        PlanCase{"two_sizes",
                 "AABABAA",
                 3,
                 2,
                 {{64, 64, {0, 1, 3, 5, 6}}, {128, 64, {2, 4}}},
                 {{0, 0, 3, "64x64-000000"}, {0, 3, 5, "64x64-000001"}, {1, 0, 2, "128x64-000000"}},
                 {{0, 0, 2}, {0, 2, 3}, {1, 0, 2}, {2, 0, 2}}},
        PlanCase{"first_appearance_orders_buckets",
                 "BA",
                 3,
                 1,
                 {{128, 64, {0}}, {64, 64, {1}}},
                 {{0, 0, 1, "128x64-000000"}, {1, 0, 1, "64x64-000000"}},
                 {{0, 0, 1}, {1, 0, 1}}},
        PlanCase{"steps_cut_units",
                 "AAaaA",
                 8,
                 4,
                 {{64, 64, {0, 1, 2, 3, 4}}},
                 {{0, 0, 5, "64x64-000000"}},
                 {{0, 0, 2}, {0, 2, 4}, {0, 4, 5}}},
        PlanCase{"true_cfg_cuts_units",
                 "AA+A+A",
                 8,
                 4,
                 {{64, 64, {0, 1, 2, 3}}},
                 {{0, 0, 4, "64x64-000000"}},
                 {{0, 0, 1}, {0, 1, 3}, {0, 3, 4}}},
        PlanCase{"batch_ends_at_the_shard",
                 "AAAAA",
                 2,
                 4,
                 {{64, 64, {0, 1, 2, 3, 4}}},
                 {{0, 0, 2, "64x64-000000"}, {0, 2, 4, "64x64-000001"}, {0, 4, 5, "64x64-000002"}},
                 {{0, 0, 2}, {1, 0, 2}, {2, 0, 1}}}),
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
  const Plan plan = make_plan(std::vector<Sample>(static_cast<size_t>(given.num_samples), sample), {});
  std::vector<int64_t> sizes;
  for (const Shard& shard : plan.shards) sizes.push_back(shard.size());
  EXPECT_EQ(sizes, given.shard_sizes);
}

// 8 GiB hold 10 pictures of 16384 x 16384 (805,306,368 bytes each).
INSTANTIATE_TEST_SUITE_P(Table, DefaultShardSize,
                         ::testing::Values(SizeCase{999, 64, {999}}, SizeCase{1000, 64, {1000}},
                                           SizeCase{1001, 64, {1000, 1}}, SizeCase{25, 16384, {10, 10, 5}}));

TEST(DefaultShardSize, KeepsTheNumberOfShardsAt256) {
  const Plan plan = make_plan(std::vector<Sample>(256'001, samples_of("A")[0]), {0, 64});
  EXPECT_EQ(plan.shards.size(), 256U);
  EXPECT_EQ(plan.shards[0].size(), 1001);
}

TEST(Plan, TilesEverySampleOnce) {
  const auto samples = samples_of("ABAa+CCCBAAAcC+C+aaBBBBAAAA");
  for (const int64_t shard_size : {1, 2, 5, 100}) {
    for (const int64_t batch : {1, 3, 7}) {
      const Plan plan = make_plan(samples, {shard_size, batch});
      const auto places = sample_places(plan);
      ASSERT_EQ(places.size(), samples.size());
      std::vector<int> in_units(samples.size());
      for (const WorkUnit& unit : plan.units) {
        EXPECT_LE(unit.size(), batch);
        for (int64_t position = unit.begin; position < unit.end; ++position) {
          const int64_t sample = plan.sample_at(unit.shard, position);
          ++in_units[static_cast<size_t>(sample)];
          EXPECT_EQ(places[static_cast<size_t>(sample)], (SamplePlace{unit.shard, position}));
        }
      }
      EXPECT_THAT(in_units, ::testing::Each(1)) << plan;
    }
  }
}

TEST(Plan, PlacesDoNotDependOnTheBatch) {
  const auto samples = samples_of("ABAABaaB");
  EXPECT_EQ(sample_places(make_plan(samples, {2, 1})), sample_places(make_plan(samples, {2, 5})));
}

TEST(Plan, PrintsItself) {
  std::ostringstream out;
  out << make_plan(samples_of("AB"), {3, 2});
  EXPECT_EQ(out.str(),
            "bucket 64x64: 1 samples\nbucket 128x64: 1 samples\n"
            "shard 64x64-000000 [0, 1)\nshard 128x64-000000 [0, 1)\n"
            "unit shard 0 [0, 1)\nunit shard 1 [0, 1)\n");
  EXPECT_EQ(make_plan(samples_of("A"), {}).shards[0].file(), "shards/64x64-000000.h5");
}

TEST(Plan, RefusesSizesThatCannotWork) {
  const auto error = [](const PlanOptions& options) {
    Sample sample;
    sample.height = sample.width = 16384;
    return error_of<ConfigError>([&] { make_plan({sample}, options); });
  };
  EXPECT_THAT(error({0, 0}), HasSubstr("--batch must be at least 1, found 0"));
  EXPECT_THAT(error({-1, 1}), HasSubstr("--shard-size must be at least 1, found -1"));
  EXPECT_THAT(error({11, 1}), AllOf(HasSubstr("at most 8.0 GiB"), HasSubstr("--shard-size 11 at 16384x16384"),
                                    HasSubstr("makes 8.2 GiB"), HasSubstr("use --shard-size 10 or less")));
}

}  // namespace
}  // namespace ditmesh

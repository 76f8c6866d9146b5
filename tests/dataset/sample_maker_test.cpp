#include "ditmesh/dataset/sample_maker.hpp"

#include <cmath>

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

Manifest one_row(ManifestRow row) {
  Manifest manifest;
  row.prompt = "a cat";
  manifest.rows.push_back(std::move(row));
  return manifest;
}

ManifestRow with_seed(uint64_t seed) {
  ManifestRow row;
  row.seed = seed;
  return row;
}

std::vector<Sample> samples_of(const Manifest& manifest, const SamplingDefaults& defaults,
                               SampleCounts* counts = nullptr) {
  const SampleList list = make_samples(manifest, defaults, counts);
  std::vector<Sample> samples;
  for (int64_t i = 0; i < list.size(); ++i) samples.push_back(list.sample(i));
  return samples;
}

struct SeedCase {
  uint64_t in_manifest;
  std::vector<int64_t> effective;  // of copies 0, 1, 2
  bool is_reduced;
};

class Seeds : public ::testing::TestWithParam<SeedCase> {};

TEST_P(Seeds, OfARow) {
  const SeedCase& given = GetParam();
  SamplingDefaults defaults;
  defaults.images_per_prompt = 3;
  SampleCounts counts;
  std::vector<int64_t> seeds;
  for (const Sample& sample : samples_of(one_row(with_seed(given.in_manifest)), defaults, &counts)) {
    seeds.push_back(sample.seed);
    EXPECT_EQ(sample.seed_in_manifest.has_value(), given.is_reduced);
    if (given.is_reduced) {
      EXPECT_EQ(sample.seed_in_manifest, given.in_manifest);
    }
  }
  EXPECT_EQ(seeds, given.effective);
  EXPECT_EQ(counts.num_reduced_seeds, given.is_reduced ? 1 : 0);
}

constexpr int64_t kMaxSeed = 4294967295;

INSTANTIATE_TEST_SUITE_P(Table, Seeds,
                         ::testing::Values(SeedCase{0, {0, 1, 2}, false}, SeedCase{42, {42, 43, 44}, false},
                                           SeedCase{4294967295U, {kMaxSeed, 0, 1}, false},
                                           SeedCase{4294967296U, {0, 1, 2}, true},
                                           SeedCase{4294967296U + 7, {7, 8, 9}, true},
                                           SeedCase{18446744073709551615U, {kMaxSeed, 0, 1}, true}));

// Literals by Python: int(hashlib.sha256(json.dumps([7, "cat", 0], ensure_ascii=False,
// separators=(",", ":")).encode()).hexdigest()[:8], 16)
TEST(Seeds, AreDerivedFromJobSeedIdAndCopy) {
  EXPECT_EQ(derived_seed(7, "cat", 0), 3949189323);
  EXPECT_EQ(derived_seed(7, "cat", 1), 4089501489);
  EXPECT_EQ(derived_seed(18446744073709551615U, "forêt \"1\"\\", 2), 115351163);
  SamplingDefaults defaults;
  defaults.seed = 7;
  defaults.images_per_prompt = 2;
  ManifestRow row;
  row.id = "cat";
  const auto samples = samples_of(one_row(row), defaults);
  EXPECT_EQ(samples[0].seed, 3949189323);
  EXPECT_EQ(samples[1].seed, 4089501489);
}

TEST(Samples, TakeDefaultsWhereTheRowSaysNothing) {
  SamplingDefaults defaults;
  defaults.height = 256;
  defaults.width = 512;
  defaults.steps = 9;
  defaults.guidance = 2;
  defaults.true_cfg = 4;
  defaults.negative_prompt = "blurry";
  Manifest manifest = manifest_from_prompts({"a", "b"});
  manifest.further_columns = {"style", "lens"};
  manifest.rows[1].id = "b";
  manifest.rows[1].height = 1024;
  manifest.rows[1].steps = 1;
  manifest.rows[1].guidance = 0.F;
  manifest.rows[1].true_cfg = 1.F;
  manifest.rows[1].negative_prompt = "sharp";
  manifest.rows[1].further = {"oil"};
  SampleCounts counts;
  const auto samples = samples_of(manifest, defaults, &counts);
  ASSERT_EQ(samples.size(), 2U);

  Sample expected;
  expected.row = 0;
  expected.id = "0";
  expected.prompt = "a";
  expected.negative_prompt = "blurry";
  expected.seed = derived_seed(0, "0", 0);
  expected.height = 256;
  expected.width = 512;
  expected.steps = 9;
  expected.guidance = 2;
  expected.true_cfg = 4;
  expected.further = {"", ""};
  EXPECT_EQ(samples[0], expected);
  EXPECT_TRUE(samples[0].uses_true_cfg());

  const Sample& other = samples[1];
  EXPECT_EQ(other.height, 1024);
  EXPECT_EQ(other.width, 512);
  EXPECT_EQ(other.steps, 1);
  EXPECT_EQ(other.guidance, 0);
  EXPECT_FALSE(other.uses_true_cfg());
  EXPECT_THAT(other.further, ElementsAre("oil", ""));
  EXPECT_EQ(counts.num_unused_negative_prompts, 1);
}

TEST(Samples, KeepCopiesTogether) {
  SamplingDefaults defaults;
  defaults.images_per_prompt = 2;
  std::vector<std::pair<int64_t, int32_t>> order;
  for (const Sample& sample : samples_of(manifest_from_prompts({"a", "b"}), defaults))
    order.emplace_back(sample.row, sample.copy);
  EXPECT_THAT(order, ElementsAre(std::pair(0, 0), std::pair(0, 1), std::pair(1, 0), std::pair(1, 1)));
}

struct DuplicateCase {
  const char* name;
  std::string rows;  // of a CSV file with the header below
  int64_t num_duplicates;
  int32_t images_per_prompt = 1;
  float true_cfg = 1;
};

class Duplicates : public ::testing::TestWithParam<DuplicateCase> {};

TEST_P(Duplicates, AreCounted) {
  const DuplicateCase& given = GetParam();
  const testing::TemporaryFolder folder;
  SamplingDefaults defaults;
  defaults.images_per_prompt = given.images_per_prompt;
  defaults.true_cfg = given.true_cfg;
  const std::string header = "prompt,seed,negative_prompt,height,steps,guidance,id,style\n";
  SampleCounts counts;
  make_samples(read_manifest(folder.write("a.csv", header + given.rows)), defaults, &counts);
  EXPECT_EQ(counts.num_duplicates, given.num_duplicates);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Duplicates,
    ::testing::Values(DuplicateCase{"none", "a,1,,,,,,\nb,1,,,,,,\na,2,,,,,,\n", 0},
                      DuplicateCase{"three_alike", "a,1,,,,,,\nb,1,,,,,,\na,1,,,,,,\na,1,,,,,,\n", 2},
                      DuplicateCase{"id_and_further_do_not_matter", "a,1,,,,,x,oil\na,1,,,,,y,ink\n", 1},
                      DuplicateCase{"derived_seeds_differ", "a,,,,,,,\na,,,,,,,\n", 0},
                      DuplicateCase{"defaults_are_resolved", "a,1,,1024,28,3.5,,\na,1,,,,,,\n", 1},
                      DuplicateCase{"size", "a,1,,512,,,,\na,1,,,,,,\n", 0},
                      DuplicateCase{"steps", "a,1,,,4,,,\na,1,,,,,,\n", 0},
                      DuplicateCase{"guidance", "a,1,,,,2,,\na,1,,,,,,\n", 0},
                      DuplicateCase{"reduced_seeds", "a,1,,,,,,\na,4294967297,,,,,,\n", 1},
                      DuplicateCase{"copies_overlap", "a,1,,,,,,\na,2,,,,,,\n", 2, 3},
                      DuplicateCase{"negative_prompt_unused", "a,1,x,,,,,\na,1,y,,,,,\n", 1},
                      DuplicateCase{"negative_prompt_used", "a,1,x,,,,,\na,1,y,,,,,\na,1,y,,,,,\n", 1, 1, 2}),
    [](const auto& test) { return test.param.name; });

TEST(Samples, RefuseDefaultsThatCannotWork) {
  const auto error = [](auto change) {
    SamplingDefaults defaults;
    change(defaults);
    return error_of<ConfigError>([&] { make_samples(manifest_from_prompts({"a"}), defaults); });
  };
  EXPECT_THAT(error([](auto& d) { d.height = 0; }), HasSubstr("--height must be at least 1, found 0"));
  EXPECT_THAT(error([](auto& d) { d.width = -8; }), HasSubstr("--width must be at least 1, found -8"));
  EXPECT_THAT(error([](auto& d) { d.steps = 0; }), HasSubstr("--steps must be at least 1, found 0"));
  EXPECT_THAT(error([](auto& d) { d.images_per_prompt = 0; }),
              HasSubstr("--images-per-prompt must be at least 1"));
  EXPECT_THAT(error([](auto& d) { d.guidance = -1; }), HasSubstr("--guidance must be at least 0, found -1"));
  EXPECT_THAT(error([](auto& d) { d.true_cfg = NAN; }),
              HasSubstr("--true-cfg must be at least 0, found nan"));
}

}  // namespace
}  // namespace ditmesh

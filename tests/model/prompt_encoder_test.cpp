// Prompts are encoded once, in windows that fit, and alike in any company.

#include "ditmesh/model/prompt_encoder.hpp"

#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "model/golden.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using testing::relative;
using ::testing::ThrowsMessage;

constexpr int64_t kLength = 16;

FluxDescription model() {
  const auto folder = testing::golden_folder() / "dev" / "model";
  if (std::filesystem::exists(folder)) return read_flux_folder("dev", folder);
  return *built_in_flux("flux-tiny");
}

class Prompts : public ::testing::TestWithParam<bool> {
 protected:
  // A model with tokenizers and weights, and one of random numbers.
  FluxDescription of() const { return GetParam() ? model() : *built_in_flux("flux-tiny"); }
  PromptEncoder encoder(int batch, Log log = {}) const {
    return PromptEncoder(of(), at::TensorOptions(at::kFloat), kLength, batch, std::move(log));
  }
  c10::InferenceMode no_gradients;
};

const std::vector<std::string> kTexts = {"a cat", "", "two dogs on a hill", "Füße 犬", "a cat on a mat"};

TEST_P(Prompts, StatesHaveTheirShapes) {
  PromptEncoder one = encoder(2);
  const auto states = one.encode(kTexts);
  ASSERT_EQ(states.size(), kTexts.size());
  for (const PromptStates& state : states) {
    EXPECT_EQ(state.text.sizes(), (std::vector<int64_t>{kLength, of().t5.width}));
    EXPECT_EQ(state.pooled.sizes(), (std::vector<int64_t>{of().clip.width}));
    EXPECT_EQ(state.text.nbytes() + state.pooled.nbytes(), one.bytes_per_prompt());
    EXPECT_TRUE(state.text.isfinite().all().item<bool>());
  }
  EXPECT_GT(relative(states[0].text, states[4].text), 1e-3) << "other prompts, other states";
  EXPECT_TRUE(one.encode({}).empty());
  EXPECT_EQ(one.num_encoded(), kTexts.size());
}

TEST_P(Prompts, CompanyDoesNotMatter) {
  PromptEncoder alone = encoder(1);
  PromptEncoder three = encoder(3);
  const auto expected = alone.encode(kTexts);
  const auto together = three.encode(kTexts);  // 3 and 2: the second batch is filled up
  for (size_t i = 0; i < kTexts.size(); ++i) {
    EXPECT_LE(relative(together[i].text, expected[i].text), 1e-5) << kTexts[i];
    EXPECT_LE(relative(together[i].pooled, expected[i].pooled), 1e-5) << kTexts[i];
    const auto filled = three.encode({kTexts[i]}).front();
    EXPECT_TRUE(filled.text.equal(together[i].text)) << "the same shape, the same bits";
    EXPECT_TRUE(filled.pooled.equal(together[i].pooled));
  }
}

TEST_P(Prompts, ReleasedWeightsComeBack) {
  PromptEncoder one = encoder(1);
  const auto before = one.encode(kTexts);
  one.release();
  one.release();
  const auto after = one.encode(kTexts);
  for (size_t i = 0; i < kTexts.size(); ++i) {
    EXPECT_TRUE(after[i].text.equal(before[i].text)) << kTexts[i];
    EXPECT_TRUE(after[i].pooled.equal(before[i].pooled)) << kTexts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Prompts, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Folder" : "BuiltIn"; });

TEST(PromptEncoder, SaysOnceThatAPromptWasCut) {
  const FluxDescription flux = model();
  if (!flux.folder) GTEST_SKIP() << "no model 'dev' in the goldens";
  const c10::InferenceMode no_gradients;
  std::vector<std::string> heard;
  PromptEncoder encoder(flux, at::TensorOptions(at::kFloat), 4, 1,
                        Log([&](LogLevel, const std::string& message) { heard.push_back(message); }));
  encoder.encode({"a"});
  EXPECT_TRUE(heard.empty());
  const std::string longer = "one two three four five six seven eight nine ten";
  encoder.encode({longer, longer + " eleven"});
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0], "a prompt was cut at 4 tokens (said once): '" + longer + "…'");
}

// --- the cache

class Cache : public ::testing::Test {
 protected:
  uint64_t room_for(uint64_t prompts) const { return prompts * encoder.bytes_per_prompt(); }
  // The storage of a prompt's states: the same as long as it was not encoded again.
  static const void* place(const PromptCache& cache, const std::string& prompt) {
    return cache.at(prompt).text.data_ptr();
  }
  static bool has(const PromptCache& cache, const std::string& prompt) {
    try {
      cache.at(prompt);
      return true;
    } catch (const InternalError&) {
      return false;
    }
  }
  c10::InferenceMode no_gradients;
  PromptEncoder encoder{*built_in_flux("flux-tiny"), at::TensorOptions(at::kFloat), kLength, 2, {}};
};

TEST_F(Cache, EncodesEachPromptOfAWindowOnce) {
  PromptCache cache(encoder, room_for(10), false);
  cache.prepare({{"a", "b", "a"}, {"b", "a"}, {"c", "a"}});
  EXPECT_EQ(encoder.num_encoded(), 3U);
  const auto expected = encoder.encode({"c"}).front();
  EXPECT_TRUE(cache.at("c").text.equal(expected.text));
  EXPECT_TRUE(cache.at("c").pooled.equal(expected.pooled));
}

TEST_F(Cache, ServesAWindowWithoutTheEncoder) {
  PromptCache cache(encoder, room_for(3), true);
  const std::vector<std::vector<std::string>> groups = {{"a", "b"}, {"b", "c"}, {"d"}, {"e"}};
  cache.prepare(groups);
  EXPECT_EQ(encoder.num_encoded(), 3U);
  EXPECT_FALSE(has(cache, "d")) << "the limit is three";
  cache.prepare({groups.begin() + 1, groups.end()});
  EXPECT_EQ(encoder.num_encoded(), 3U) << "b and c are here";
  cache.prepare({groups.begin() + 2, groups.end()});
  EXPECT_EQ(encoder.num_encoded(), 5U);
  EXPECT_TRUE(has(cache, "d") && has(cache, "e"));
  EXPECT_FALSE(has(cache, "a")) << "what is not needed is forgotten";
}

TEST_F(Cache, KeepsWhatTheNextWindowNeedsToo) {
  PromptCache cache(encoder, room_for(3), false);
  cache.prepare({{"a", "b"}, {"c", "d"}});
  EXPECT_EQ(encoder.num_encoded(), 2U) << "a group is taken whole or not at all";
  const void* before = place(cache, "b");
  cache.prepare({{"b", "c"}, {"d"}});
  EXPECT_EQ(encoder.num_encoded(), 4U);
  EXPECT_EQ(place(cache, "b"), before);
}

TEST_F(Cache, TheBatchAtHandIsEncodedWhateverTheLimit) {
  PromptCache cache(encoder, 0, false);
  cache.prepare({{"a", "b", "c"}, {"a"}, {"d"}});
  EXPECT_EQ(encoder.num_encoded(), 3U);
  EXPECT_TRUE(has(cache, "a") && has(cache, "b") && has(cache, "c"));
}

TEST_F(Cache, ABadPromptCostsItselfOnly) {
  PromptCache cache(encoder, room_for(10), true);
  const std::string bad = "bad \xff";
  EXPECT_TRUE(cache.prepare({{"a"}, {"b", bad}, {"c"}}));
  EXPECT_TRUE(cache.holds({"a", "b", bad, "c"}));
  EXPECT_TRUE(has(cache, "a") && has(cache, "b") && has(cache, "c"));
  EXPECT_FALSE(has(cache, bad));
  EXPECT_THAT(cache.error_of(bad), HasSubstr("not valid UTF-8"));
  EXPECT_EQ(cache.error_of("b"), "");
  const uint64_t before = encoder.num_encoded();
  EXPECT_TRUE(cache.prepare({{"b", bad}, {"c"}}));
  EXPECT_EQ(encoder.num_encoded(), before) << "it is not tried again for every batch";
  cache.forget_errors();
  EXPECT_FALSE(cache.holds({bad}));
}

TEST_F(Cache, EndsWhenItMayNotGoOn) {
  PromptCache cache(encoder, room_for(10), false);
  const std::vector<std::vector<std::string>> groups = {{"e", "d", "c"}, {"b", "a"}};
  std::vector<int> asked;
  const auto up_to = [&](int last) {
    return [&asked, last](int step, int steps) {
      EXPECT_LE(step, steps);
      asked.push_back(step);
      return step <= last;
    };
  };
  EXPECT_FALSE(cache.prepare(groups, up_to(1))) << "two of the three prompts of the batch";
  EXPECT_THAT(asked, ::testing::ElementsAre(1, 2));
  EXPECT_TRUE(cache.prepare(groups, up_to(1))) << "the batch at hand goes first";
  EXPECT_TRUE(cache.holds({"e", "d", "c"}));
  EXPECT_FALSE(cache.holds({"a", "b"}));
}

TEST_F(Cache, ForgottenPromptsAreADefect) {
  const PromptCache cache(encoder, room_for(3), false);
  EXPECT_THAT([&] { cache.at("never seen"); },
              ThrowsMessage<InternalError>(HasSubstr("the prompt 'never seen' was not encoded ahead")));
}

}  // namespace
}  // namespace ditmesh

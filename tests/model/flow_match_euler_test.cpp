// The shifts that no golden covers, and what is refused.

#include "ditmesh/model/flow_match_euler.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::StrEq;
using ::testing::ThrowsMessage;

JsonObject config_with(const std::string& key = {}, const Json& value = {}) {
  Json config = {{"_class_name", "FlowMatchEulerDiscreteScheduler"}};
  if (!key.empty()) config[key] = value;
  return {config, "scheduler_config.json"};
}

// By the formulas, in double precision: evenly from 1 to 1/steps, then `shift`.
template <typename Shift>
void expect_sigmas(const FlowMatchEuler& stepper, int steps, Shift shift) {
  ASSERT_EQ(stepper.num_steps(), steps);
  ASSERT_EQ(stepper.sigmas().size(), static_cast<size_t>(steps) + 1);
  for (int step = 0; step < steps; ++step) {
    const double even = steps == 1 ? 1.0 : 1.0 - step * (1.0 - 1.0 / steps) / (steps - 1);
    const auto place = static_cast<size_t>(step);
    EXPECT_NEAR(stepper.sigmas()[place], shift(even), 1e-6) << step;
    EXPECT_NEAR(stepper.timesteps()[place], 1000 * shift(even), 1e-3) << step;
  }
  EXPECT_EQ(stepper.sigmas().back(), 0);
}

class Steps : public ::testing::TestWithParam<int> {};

TEST_P(Steps, WithoutShiftAreEven) {
  const FlowMatchEuler stepper({}, GetParam(), 256);
  expect_sigmas(stepper, GetParam(), [](double sigma) { return sigma; });
}

TEST_P(Steps, StaticShift) {
  FlowMatchEulerConfig config;
  config.shift = 3;
  expect_sigmas(FlowMatchEuler(config, GetParam(), 256), GetParam(),
                [](double sigma) { return 3 * sigma / (1 + 2 * sigma); });
}

// mu rises from base_shift at 256 tokens to max_shift at 4096, and beyond both.
TEST_P(Steps, DynamicShift) {
  for (const auto& [tokens, mu] :
       {std::pair<int64_t, double>(256, 0.5), {4096, 1.15}, {2176, 0.825}, {64, 0.4675}}) {
    for (const auto type :
         {FlowMatchEulerConfig::TimeShift::exponential, FlowMatchEulerConfig::TimeShift::linear}) {
      FlowMatchEulerConfig config;
      config.dynamic_shifting = true;
      config.shift = 7;  // not used then
      config.time_shift = type;
      const double weight = type == FlowMatchEulerConfig::TimeShift::linear ? mu : std::exp(mu);
      expect_sigmas(FlowMatchEuler(config, GetParam(), tokens), GetParam(),
                    [&](double sigma) { return weight / (weight + (1 / sigma - 1)); });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Steps, ::testing::Values(1, 2, 4, 28, 50));

// The last sigma is stretched to shift_terminal, the first stays 1.
TEST(FlowMatchEuler, ShiftTerminal) {
  FlowMatchEulerConfig config;
  config.shift = 3;
  config.shift_terminal = 0.1;
  const double last = 3 * 0.2 / (1 + 2 * 0.2);
  const FlowMatchEuler stepper(config, 5, 256);
  expect_sigmas(stepper, 5, [&](double sigma) {
    const double shifted = 3 * sigma / (1 + 2 * sigma);
    return 1 - (1 - shifted) * 0.9 / (1 - last);
  });
  EXPECT_NEAR(stepper.sigmas()[0], 1.0, 1e-6);
  EXPECT_NEAR(stepper.sigmas()[4], 0.1, 1e-6);
}

TEST(FlowMatchEuler, StepsDownTheFlow) {
  FlowMatchEuler stepper({}, 4, 256);
  const at::Tensor latents = at::full({2, 1, 3}, 2.0, at::kFloat);
  const at::Tensor velocity = at::full({2, 1, 3}, 4.0, at::kFloat);
  EXPECT_TRUE(stepper.step(1, latents, velocity).equal(latents - 1.0));
  EXPECT_TRUE(stepper.step(3, latents, velocity).equal(latents - 1.0)) << "the last step goes to 0";
  const at::Tensor narrow = velocity.to(at::kBFloat16);
  EXPECT_EQ(stepper.step(0, latents.to(at::kBFloat16), narrow).scalar_type(), at::kBFloat16);
}

TEST(FlowMatchEulerConfig, ReadsItsFields) {
  const JsonObject json(
      Json::parse(
          R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 500, "shift": 2.5,
                      "use_dynamic_shifting": true, "base_shift": 0.25, "max_shift": 2, "base_image_seq_len": 16,
                      "max_image_seq_len": 64, "time_shift_type": "linear", "shift_terminal": 0.02})"),
      "x");
  const auto config = FlowMatchEulerConfig::from_json(json);
  EXPECT_EQ(config.num_train_timesteps, 500);
  EXPECT_EQ(config.shift, 2.5);
  EXPECT_TRUE(config.dynamic_shifting);
  EXPECT_EQ(config.base_shift, 0.25);
  EXPECT_EQ(config.max_shift, 2);
  EXPECT_EQ(config.base_image_tokens, 16);
  EXPECT_EQ(config.max_image_tokens, 64);
  EXPECT_EQ(config.time_shift, FlowMatchEulerConfig::TimeShift::linear);
  EXPECT_EQ(config.shift_terminal, 0.02);
  EXPECT_FALSE(FlowMatchEulerConfig::from_json(config_with("shift_terminal", 0)).shift_terminal);
  EXPECT_FALSE(FlowMatchEulerConfig::from_json(config_with("use_karras_sigmas", false)).dynamic_shifting);
}

struct Refused {
  const char* key;
  Json value;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.key; }

class RefusedSchedules : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedSchedules, AreNamed) {
  EXPECT_THAT([] { FlowMatchEulerConfig::from_json(config_with(GetParam().key, GetParam().value)); },
              ThrowsMessage<ConfigError>(StrEq(std::string("scheduler_config.json: ") + GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedSchedules,
    ::testing::Values(
        Refused{"_class_name", "DDIMScheduler",
                "scheduler DDIMScheduler is unknown: ditmesh steps with FlowMatchEulerDiscreteScheduler"},
        Refused{"_class_name", nullptr, "field '_class_name' is missing"},
        Refused{"use_karras_sigmas", true, "use_karras_sigmas must be false: no FLUX.1 model sets it"},
        Refused{"use_exponential_sigmas", true,
                "use_exponential_sigmas must be false: no FLUX.1 model sets it"},
        Refused{"use_beta_sigmas", true, "use_beta_sigmas must be false: no FLUX.1 model sets it"},
        Refused{"invert_sigmas", true, "invert_sigmas must be false: no FLUX.1 model sets it"},
        Refused{"stochastic_sampling", true, "stochastic_sampling must be false: no FLUX.1 model sets it"},
        Refused{"time_shift_type", "cubic", "time_shift_type must be exponential or linear, found cubic"},
        Refused{"base_image_seq_len", 4096,
                "base_image_seq_len and max_image_seq_len must differ, both are 4096"},
        Refused{"num_train_timesteps", 0, "field 'num_train_timesteps' must be at least 1, found 0"},
        Refused{"shift", "3", "field 'shift' has the wrong type: \"3\""}));

}  // namespace
}  // namespace ditmesh

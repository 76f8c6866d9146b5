#include "ditmesh/model/flow_match_euler.hpp"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

FlowMatchEulerConfig FlowMatchEulerConfig::from_json(const JsonObject& config) {
  const auto class_name = config.get<std::string>("_class_name");
  if (class_name != "FlowMatchEulerDiscreteScheduler") {
    throw ConfigError(cat(config.name(), ": scheduler ", class_name, " is unknown"),
                      "ditmesh steps with FlowMatchEulerDiscreteScheduler");
  }
  for (const std::string option : {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas",
                                   "use_flow_sigmas", "invert_sigmas", "stochastic_sampling"}) {
    if (config.get_or<bool>(option, false)) {
      throw ConfigError(cat(config.name(), ": ", option, " must be false"), "no FLUX.1 model sets it");
    }
  }
  FlowMatchEulerConfig flow;
  flow.num_train_timesteps = config.dimension_or("num_train_timesteps", flow.num_train_timesteps);
  flow.shift = config.get_or<double>("shift", flow.shift);
  flow.dynamic_shifting = config.get_or<bool>("use_dynamic_shifting", flow.dynamic_shifting);
  flow.base_shift = config.get_or<double>("base_shift", flow.base_shift);
  flow.max_shift = config.get_or<double>("max_shift", flow.max_shift);
  flow.base_image_tokens = config.dimension_or("base_image_seq_len", flow.base_image_tokens);
  flow.max_image_tokens = config.dimension_or("max_image_seq_len", flow.max_image_tokens);
  if (config.has("shift_terminal") && config.get<double>("shift_terminal") != 0) {
    flow.shift_terminal = config.get<double>("shift_terminal");
  }
  const auto time_shift = config.get_or<std::string>("time_shift_type", "exponential");
  if (time_shift != "exponential" && time_shift != "linear") {
    throw ConfigError(
        cat(config.name(), ": time_shift_type must be exponential or linear, found ", time_shift));
  }
  flow.time_shift = time_shift == "linear" ? TimeShift::linear : TimeShift::exponential;
  if (flow.base_image_tokens == flow.max_image_tokens) {
    throw ConfigError(cat(config.name(), ": base_image_seq_len and max_image_seq_len must differ, both are ",
                          flow.base_image_tokens));
  }
  return flow;
}

// All in fp32 where NumPy computes in fp32, so that sigmas are the same numbers.
FlowMatchEuler::FlowMatchEuler(const FlowMatchEulerConfig& config, int num_steps, int64_t image_tokens) {
  const double last = 1.0 / num_steps;
  for (int step = 0; step < num_steps; ++step) {
    const double evenly = num_steps == 1 ? 1.0 : 1.0 + step * ((last - 1.0) / (num_steps - 1));
    sigmas_.push_back(static_cast<float>(step > 0 && step == num_steps - 1 ? last : evenly));
  }
  if (config.dynamic_shifting) {
    const double slope = (config.max_shift - config.base_shift) /
                         static_cast<double>(config.max_image_tokens - config.base_image_tokens);
    const double mu = static_cast<double>(image_tokens) * slope +
                      (config.base_shift - slope * static_cast<double>(config.base_image_tokens));
    const bool exponential = config.time_shift == FlowMatchEulerConfig::TimeShift::exponential;
    const auto weight = static_cast<float>(exponential ? std::exp(mu) : mu);
    for (float& sigma : sigmas_) sigma = weight / (weight + (1.0F / sigma - 1.0F));
  } else {
    const auto shift = static_cast<float>(config.shift);
    const auto shift_less_one = static_cast<float>(config.shift - 1.0);
    for (float& sigma : sigmas_) sigma = shift * sigma / (1.0F + shift_less_one * sigma);
  }
  if (config.shift_terminal) {
    const float scale = (1.0F - sigmas_.back()) / static_cast<float>(1.0 - *config.shift_terminal);
    for (float& sigma : sigmas_) sigma = 1.0F - (1.0F - sigma) / scale;
  }
  for (const float sigma : sigmas_)
    timesteps_.push_back(sigma * static_cast<float>(config.num_train_timesteps));
  sigmas_.push_back(0.0F);
}

at::Tensor FlowMatchEuler::step(int step, const at::Tensor& latents, const at::Tensor& prediction) {
  const float distance = sigmas_[step + 1] - sigmas_[step];
  // The product is rounded to the prediction's dtype before the sum, as there.
  return latents.to(at::kFloat).add(prediction.mul(distance)).to(prediction.scalar_type());
}

}  // namespace ditmesh

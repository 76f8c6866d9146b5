#pragma once
// The scheduler of FLUX: Euler steps along a straight flow.

#include <memory>
#include <optional>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/parallel/executor.hpp"

namespace ditmesh {

/// scheduler/scheduler_config.json.
struct FlowMatchEulerConfig {
  enum class TimeShift { exponential, linear };

  int64_t num_train_timesteps = 1000;
  double shift = 1.0;
  bool dynamic_shifting = false;
  double base_shift = 0.5;
  double max_shift = 1.15;
  int64_t base_image_tokens = 256;
  int64_t max_image_tokens = 4096;
  TimeShift time_shift = TimeShift::exponential;
  std::optional<double> shift_terminal;

  /// Throws ConfigError for another class and for schedules that ditmesh does not have.
  static FlowMatchEulerConfig from_json(const JsonObject& config);
};

/// Equals diffusers' FlowMatchEulerDiscreteScheduler as FluxPipeline uses it.
class FlowMatchEuler final : public Stepper {
 public:
  FlowMatchEuler(const FlowMatchEulerConfig& config, int num_steps, int64_t image_tokens);

  int num_steps() const override { return static_cast<int>(timesteps_.size()); }
  const std::vector<float>& timesteps() const override { return timesteps_; }
  /// One per step, and 0 at the end.
  const std::vector<float>& sigmas() const { return sigmas_; }

  /// latents + (next sigma − sigma) · prediction, in fp32; result in the prediction's dtype.
  at::Tensor step(int step, const at::Tensor& latents, const at::Tensor& prediction) override;

 private:
  std::vector<float> sigmas_;
  std::vector<float> timesteps_;
};

}  // namespace ditmesh

#pragma once
// What diffusers computed, as tests/golden/make_goldens.py wrote it.

#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "ditmesh/model/flux_pipeline.hpp"
#include "ditmesh/model/safetensors.hpp"

namespace ditmesh::testing {

/// tests/golden, or the folder in DITMESH_TEST_GOLDEN (goldens of other models).
std::filesystem::path golden_folder();

/// The CPU, or the device in DITMESH_TEST_DEVICE (cuda); goldens made on that device are its reference.
at::Device golden_device();

/// The names of all cases there.
std::vector<std::string> golden_cases();

/// max|a − b| / max|b|; the tensors may be on any device.
double relative(const at::Tensor& a, const at::Tensor& b);

/// Peak signal-to-noise ratio of two uint8 pictures, in dB.
double psnr(const at::Tensor& a, const at::Tensor& b);

class Golden {
 public:
  explicit Golden(const std::string& name);

  at::Tensor tensor(const std::string& name) const;
  bool has(const std::string& name) const { return file_.entries().contains(name); }
  const JsonObject& settings() const { return settings_; }
  const FluxDescription& model() const { return model_; }

  struct Sample {
    std::string prompt;
    std::string negative_prompt;
    uint64_t seed;
    double guidance;
  };
  std::vector<Sample> samples() const;

  at::ScalarType dtype() const;
  at::TensorOptions options() const { return at::TensorOptions(dtype()).device(golden_device()); }
  int64_t max_sequence_length() const { return settings_.get<int64_t>("max_sequence_length"); }
  BatchShape shape() const;
  /// Requests for the samples; prompts encoded by us.
  std::vector<PictureRequest> requests() const;

 private:
  std::filesystem::path folder_;
  JsonObject settings_;
  SafetensorsFile file_;
  FluxDescription model_;
};

}  // namespace ditmesh::testing

#include "model/golden.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ditmesh/kernels/device.hpp"

namespace ditmesh::testing {

namespace fs = std::filesystem;

fs::path golden_folder() {
  const char* other = std::getenv("DITMESH_TEST_GOLDEN");
  return other != nullptr ? fs::path(other) : fs::path(DITMESH_SOURCE_DIR) / "tests" / "golden";
}

at::Device golden_device() {
  const char* name = std::getenv("DITMESH_TEST_DEVICE");
  const at::Device device =
      std::string_view(name != nullptr ? name : "cpu") == "cuda" ? at::Device(at::kCUDA, 0) : at::kCPU;
  use_device(device, 1);
  return device;
}

std::vector<std::string> golden_cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(golden_folder())) {
    if (fs::exists(entry.path() / "golden.json")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide_a = a.to(at::kCPU, at::kDouble);
  const at::Tensor wide_b = b.to(at::kCPU, at::kDouble);
  return (wide_a - wide_b).abs().max().item<double>() / wide_b.abs().max().item<double>();
}

double psnr(const at::Tensor& a, const at::Tensor& b) {
  const double error =
      (a.to(at::kCPU, at::kDouble) - b.to(at::kCPU, at::kDouble)).square().mean().item<double>();
  return error == 0 ? 1e9 : 10 * std::log10(255.0 * 255.0 / error);
}

Golden::Golden(const std::string& name)
    : folder_(golden_folder() / name),
      settings_(JsonObject::read(folder_ / "golden.json")),
      file_(folder_ / "golden.safetensors"),
      model_(read_flux_folder(name, folder_ / settings_.get<std::string>("model"))) {}

at::Tensor Golden::tensor(const std::string& name) const {
  return file_.view(file_.entries().at(name)).clone();
}

std::vector<Golden::Sample> Golden::samples() const {
  std::vector<Sample> samples;
  for (const Json& sample : settings_.at("samples")) {
    const Json& negative = sample.at("negative_prompt");
    samples.push_back({sample.at("prompt"), negative.is_null() ? "" : negative.get<std::string>(),
                       sample.at("seed"), sample.at("guidance")});
  }
  return samples;
}

at::ScalarType Golden::dtype() const {
  const auto name = settings_.get<std::string>("dtype");
  return name == "bf16" ? at::kBFloat16 : name == "fp16" ? at::kHalf : at::kFloat;
}

BatchShape Golden::shape() const {
  return {settings_.get<int64_t>("height"), settings_.get<int64_t>("width"),
          static_cast<int>(settings_.get<int64_t>("steps")), settings_.get<double>("true_cfg") > 1};
}

std::vector<PictureRequest> Golden::requests() const {
  PromptEncoder encoder(model_, options(), max_sequence_length(), 1, {});
  std::vector<PictureRequest> requests;
  for (const Sample& sample : samples()) {
    PictureRequest request;
    request.prompt = encoder.encode({sample.prompt}).front();
    if (shape().true_cfg) request.negative = encoder.encode({sample.negative_prompt}).front();
    request.seed = sample.seed;
    request.guidance = sample.guidance;
    request.true_cfg = settings_.get<double>("true_cfg");
    requests.push_back(request);
  }
  return requests;
}

}  // namespace ditmesh::testing

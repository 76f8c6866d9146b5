// Loading a model takes the memory of its weights, and little more.

#include <ATen/ops/randn.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <fstream>
#include <iostream>

#include "ditmesh/base/text.hpp"
#include "ditmesh/model/checkpoint.hpp"
#include "ditmesh/model/flux_transformer.hpp"
#include "model/files.hpp"

namespace ditmesh {
namespace {

// Notes what a model asks for.
class Names final : public WeightSource {
 public:
  bool has(const std::string& /*name*/) const override { return true; }
  void read(const std::string& name, at::IntArrayRef shape, const WeightSlice& /*slice*/,
            at::Tensor /*out*/) override {
    shapes[name] = shape.vec();
  }
  std::map<std::string, std::vector<int64_t>> shapes;
};

// A field of /proc/self/status in bytes.
int64_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return 1024 * std::stoll(line.substr(field.size() + 1));
  }
  return -1;
}

bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

// 200 MB in fp32: 6 heads of 128, one double and three single blocks.
FluxConfig config() {
  FluxConfig flux;
  flux.num_heads = 6;
  flux.num_double_blocks = 1;
  flux.num_single_blocks = 3;
  flux.text_width = 512;
  return flux;
}

class LoadingMemory : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(LoadingMemory, IsTheWeightsAndATenthAtMost) {
  const FluxConfig flux = config();
  const Range all{0, flux.num_blocks()};
  Names names;
  FluxTransformer(flux, LayerSource{names, at::TensorOptions(at::kFloat).device(at::kMeta)}, all);

  const testing::TemporaryFolder folder;
  int64_t weight_bytes = 0;
  {
    Json header = Json::object();
    uint64_t end = 0;
    for (const auto& [name, shape] : names.shapes) {
      const auto numbers = static_cast<uint64_t>(c10::multiply_integers(shape));
      weight_bytes += static_cast<int64_t>(4 * numbers);
      const uint64_t begin = end;
      end += numbers * c10::elementSize(GetParam());
      header[name] = {{"dtype", GetParam() == at::kFloat ? "F32" : "BF16"},
                      {"shape", shape},
                      {"data_offsets", {begin, end}}};
    }
    std::ofstream file(folder.path() / "model.safetensors", std::ios::binary);
    file << testing::safetensors_bytes(header.dump(), "");
    for (const auto& [name, shape] : names.shapes) {
      const at::Tensor tensor = at::randn(shape).to(GetParam());
      file.write(static_cast<const char*>(tensor.data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
    }
    ASSERT_TRUE(file.good());
  }

  ::malloc_trim(0);  // what earlier tests freed would be taken again without counting
  if (!reset_peak()) GTEST_SKIP() << "/proc/self/clear_refs cannot be written: the peak is not known";
  const int64_t before = memory("VmRSS");
  Checkpoint weights(folder.path());
  const FluxTransformer model(flux, LayerSource{weights, at::TensorOptions(at::kFloat)}, all);
  const int64_t peak = memory("VmHWM") - before;
  const int64_t after = memory("VmRSS") - before;
  const auto part = [&](int64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(weight_bytes);
  };
  std::cout << "weights " << human_bytes(static_cast<uint64_t>(weight_bytes)) << ", peak " << part(peak)
            << " of them, afterwards " << part(after) << '\n';
  EXPECT_GE(part(peak), 0.9) << "the measurement itself";
  EXPECT_LE(part(peak), 1.1);
  EXPECT_LE(part(after), 1.05) << "the file's pages stay";
}

INSTANTIATE_TEST_SUITE_P(Stored, LoadingMemory, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(c10::toString(test.param)); });

}  // namespace
}  // namespace ditmesh

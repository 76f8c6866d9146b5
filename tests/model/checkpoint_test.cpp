#include "ditmesh/model/checkpoint.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "model/files.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::safetensors_bytes;
using testing::TemporaryFolder;
using ::testing::ThrowsMessage;

const at::Tensor& matrix() {
  static const at::Tensor kMatrix = at::arange(48, at::kFloat).view({8, 6});
  return kMatrix;
}

constexpr const char* kFile = "diffusion_pytorch_model.safetensors";

template <typename Call>
std::string config_error(Call call) {
  try {
    call();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

// Reads runs of the 8 × 6 matrix along `dimension`; `indices` are the rows or columns expected.
void expect_slice(int64_t dimension, const std::vector<Range>& runs, const std::vector<int64_t>& indices) {
  const at::Tensor index = at::tensor(indices, at::kLong);
  const at::Tensor expected = matrix().index_select(dimension, index);
  for (const auto stored : {at::kFloat, at::kBFloat16, at::kHalf, at::kDouble}) {
    const TemporaryFolder folder;
    folder.write(kFile, safetensors_bytes({{"w", matrix().to(stored)}}));
    Checkpoint weights(folder.path());
    for (const auto wanted : {at::kFloat, at::kBFloat16}) {
      const at::Tensor out = at::empty(expected.sizes(), wanted);
      weights.read("w", {8, 6}, {dimension, runs}, out);
      EXPECT_TRUE(out.equal(expected.to(wanted))) << stored << " as " << wanted << '\n' << out;
    }
  }
}

TEST(Checkpoint, ReadsSlicesOfRowsAndColumns) {
  expect_slice(0, {}, {0, 1, 2, 3, 4, 5, 6, 7});
  expect_slice(0, {{0, 8}}, {0, 1, 2, 3, 4, 5, 6, 7});
  expect_slice(0, {{2, 5}}, {2, 3, 4});
  expect_slice(0, {{6, 8}, {1, 2}}, {6, 7, 1});
  expect_slice(0, {{4, 4}}, {});
  expect_slice(1, {{0, 1}, {3, 3}, {4, 6}}, {0, 4, 5});
  expect_slice(1, {{5, 6}}, {5});
}

TEST(Checkpoint, ReadsIntoPartsOfATensor) {
  const TemporaryFolder folder;
  folder.write(kFile, safetensors_bytes({{"w", matrix()}}));
  Checkpoint weights(folder.path());
  const at::Tensor fused = at::zeros({12, 6});
  weights.read("w", {8, 6}, {0, {{2, 4}}}, fused.narrow(0, 5, 2));
  EXPECT_TRUE(fused.narrow(0, 5, 2).equal(matrix().narrow(0, 2, 2)));
  EXPECT_EQ(fused.abs().sum().item<float>(), matrix().narrow(0, 2, 2).sum().item<float>());
}

TEST(Checkpoint, TakesEitherStem) {
  for (const std::string stem : {"model", "diffusion_pytorch_model"}) {
    const TemporaryFolder folder;
    folder.write(stem + ".safetensors", safetensors_bytes({{"w", matrix()}}));
    Checkpoint weights(folder.path());
    EXPECT_TRUE(weights.has("w"));
    EXPECT_FALSE(weights.has("v"));
    EXPECT_EQ(weights.size_bytes(), 192U);
  }
}

TEST(Checkpoint, WrongTensorsAreNamed) {
  const TemporaryFolder folder;
  folder.write(kFile, safetensors_bytes({{"w", matrix()}, {"ids", at::arange(4, at::kLong)}}));
  Checkpoint weights(folder.path());
  const std::string file = (folder.path() / kFile).string();
  EXPECT_EQ(
      config_error([&] {
        weights.whole("w", {8, 7}, at::kFloat);
      }),
      file +
          ": tensor 'w' must have the shape [8, 7] by the config, found [8, 6]: config.json and weights "
          "are of different models");
  EXPECT_EQ(config_error([&] { weights.whole("w", {48}, at::kFloat); }),
            file +
                ": tensor 'w' must have the shape [48] by the config, found [8, 6]: config.json and weights "
                "are of different models");
  EXPECT_EQ(
      config_error([&] { weights.whole("ids", {4}, at::kFloat); }),
      file +
          ": tensor 'ids' must be F32, F16, BF16 or F64, found I64: quantised checkpoints are not read, "
          "take the original one");
  EXPECT_EQ(config_error([&] { weights.whole("v", {4}, at::kFloat); }),
            folder.path().string() +
                " has no tensor 'v': the config does not fit the weights, or the folder is incomplete");
  // A check on the meta device finds the same without reading data.
  const auto meta = at::TensorOptions(at::kFloat).device(at::kMeta);
  EXPECT_THAT(config_error([&] { weights.whole("w", {8, 7}, meta); }), HasSubstr("[8, 7]"));
  EXPECT_EQ(weights.whole("w", {8, 6}, meta).sizes(), matrix().sizes());
}

class Shards : public ::testing::Test {
 protected:
  Shards() {
    folder.write("model-1.safetensors", safetensors_bytes({{"a", matrix()}, {"b", matrix() + 1}}));
    folder.write("model-2.safetensors", safetensors_bytes({{"c", matrix() + 2}}));
  }
  std::string error_of(const std::string& index) {
    folder.write("model.safetensors.index.json", index);
    return config_error([&] { Checkpoint{folder.path()}; });
  }
  TemporaryFolder folder;
};

TEST_F(Shards, AreReadThroughTheIndex) {
  ASSERT_EQ(error_of(R"({"metadata": {"total_size": 1}, "weight_map": {
      "a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}})"),
            "no error");
  Checkpoint weights(folder.path());
  EXPECT_TRUE(weights.whole("b", {8, 6}, at::kFloat).equal(matrix() + 1));
  EXPECT_TRUE(weights.whole("c", {8, 6}, at::kFloat).equal(matrix() + 2));
  EXPECT_EQ(weights.size_bytes(), 3 * 192U);
}

TEST_F(Shards, IndexErrorsNameTensorOrFile) {
  EXPECT_THAT(
      error_of(R"({"weight_map": {"a": "model-1.safetensors", "z": "model-2.safetensors"}})"),
      AllOf(
          HasSubstr("model.safetensors.index.json promises the tensor 'z' in \"model-2.safetensors\", it is "
                    "not there"),
          HasSubstr("fetch it again")));
  EXPECT_THAT(error_of(R"({"weight_map": {"a": "model-3.safetensors"}})"),
              AllOf(HasSubstr("cannot read"), HasSubstr("model-3.safetensors"), HasSubstr("No such file")));
  EXPECT_THAT(error_of(R"({"weight_map": {"a": 3}})"),
              HasSubstr("model.safetensors.index.json: weight_map: field 'a' has the wrong type: 3"));
  EXPECT_THAT(error_of(R"({"weights": {}})"), HasSubstr("field 'weight_map' is missing"));
  EXPECT_THAT(error_of("{"), HasSubstr("model.safetensors.index.json: line 1, column 2: "));
}

TEST_F(Shards, ATensorMayNotBeInTwoFiles) {
  folder.write("model-2.safetensors", safetensors_bytes({{"a", matrix()}, {"c", matrix()}}));
  EXPECT_THAT(
      error_of(R"({"weight_map": {"a": "model-1.safetensors", "c": "model-2.safetensors"}})"),
      AllOf(HasSubstr("tensor 'a' is in two files of "), HasSubstr("one of them \"model-2.safetensors\""),
            HasSubstr("remove the files that the index does not name")));
}

TEST(Checkpoint, NeverUnpickles) {
  for (const char* name : {"pytorch_model.bin", "diffusion_pytorch_model.bin", "model.pt", "model.ckpt"}) {
    const TemporaryFolder folder;
    folder.write(name, "\x80\x02}q");
    EXPECT_EQ(config_error([&] { Checkpoint{folder.path()}; }),
              folder.path().string() +
                  " has no safetensors file: its weights are pickled, which ditmesh never reads: "
                  "save them with save_pretrained(…, safe_serialization=True)");
  }
}

TEST(Checkpoint, MissingFilesAndFoldersAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT(
      config_error([&] { Checkpoint{folder.path()}; }),
      HasSubstr(
          "has no safetensors file: expected diffusion_pytorch_model.safetensors or model.safetensors"));
  EXPECT_THAT(config_error([&] { Checkpoint{folder.path() / "vae"}; }),
              AllOf(HasSubstr("the model folder has no "), HasSubstr("/vae"), HasSubstr("is it complete?")));
}

TEST(Checkpoint, FingerprintTellsHeadersApart) {
  const auto fingerprint = [](const std::map<std::string, at::Tensor>& tensors) {
    const TemporaryFolder folder;
    folder.write(kFile, safetensors_bytes(tensors));
    return Checkpoint(folder.path()).fingerprint();
  };
  const std::string one = fingerprint({{"w", matrix()}});
  EXPECT_EQ(one.size(), 64U);
  EXPECT_EQ(fingerprint({{"w", matrix()}}), one);
  EXPECT_NE(fingerprint({{"v", matrix()}}), one);
  EXPECT_NE(fingerprint({{"w", matrix().t()}}), one);
  EXPECT_NE(fingerprint({{"w", matrix().view(at::kInt)}}), one);
}

}  // namespace
}  // namespace ditmesh

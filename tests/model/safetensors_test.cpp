#include "ditmesh/model/safetensors.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
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

TEST(Safetensors, ReadsWhatWasWritten) {
  const TemporaryFolder folder;
  const std::map<std::string, at::Tensor> tensors = {{"a.weight", at::arange(6, at::kFloat).view({2, 3})},
                                                     {"b", at::full({}, 3.5, at::kDouble)},  // no dimension
                                                     {"c.half", at::arange(5, at::kHalf)},
                                                     {"d.bf16", at::arange(3, at::kBFloat16)},
                                                     {"e.none", at::zeros({0, 4})},
                                                     {"f.ids", at::arange(4, at::kLong)},
                                                     {"ü \"quoted\"", at::arange(2, at::kInt)}};
  const SafetensorsFile file(folder.write("a.safetensors", safetensors_bytes(tensors)));
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto& entry = file.entries().at(name);
    EXPECT_EQ(entry.dtype, tensor.scalar_type()) << name;
    EXPECT_EQ(at::IntArrayRef(entry.shape), tensor.sizes()) << name;
    EXPECT_TRUE(file.view(entry).equal(tensor)) << name;
    file.forget(entry);
    EXPECT_TRUE(file.view(entry).equal(tensor)) << name << " comes back after it was forgotten";
  }
}

TEST(Safetensors, MetadataAndPaddingAreNoTensors) {
  const TemporaryFolder folder;
  const SafetensorsFile file(folder.write(
      "a",
      safetensors_bytes(
          R"({"__metadata__": {"format": "pt"}, "x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}   )",
          "ab")));
  EXPECT_EQ(file.entries().size(), 1U);
  EXPECT_EQ(file.view(file.entries().at("x"))[1].item<int>(), 'b');
}

struct Broken {
  const char* name;
  std::string bytes;
  std::string message;
};

std::ostream& operator<<(std::ostream& out, const Broken& broken) { return out << broken.name; }

class BrokenFiles : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenFiles, AreRefusedWithFileAndReason) {
  const TemporaryFolder folder;
  const auto path = folder.write("broken.safetensors", GetParam().bytes);
  EXPECT_THAT(
      [&] { SafetensorsFile{path}; },
      ThrowsMessage<ConfigError>(AllOf(HasSubstr("broken.safetensors"), HasSubstr(GetParam().message))));
}

// One tensor "x" and 8 bytes of data.
Broken one(const char* name, const std::string& dtype, const std::string& shape, const std::string& offsets,
           const std::string& message) {
  return {name,
          safetensors_bytes(R"({"x": {"dtype": ")" + dtype + R"(", "shape": )" + shape +
                                R"(, "data_offsets": )" + offsets + "}}",
                            "12345678"),
          message};
}

// Two tensors of 4 bytes at these offsets, and 8 bytes of data.
Broken two(const char* name, const std::string& first, const std::string& second,
           const std::string& message) {
  const std::string field = R"({"dtype": "U8", "shape": [4], "data_offsets": )";
  return {name,
          safetensors_bytes(R"({"x": )" + field + first + R"(}, "y": )" + field + second + "}}", "12345678"),
          message};
}

std::string size_of_header(uint64_t size) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes;
}

const std::string kAgain = ": the file is damaged or cut short, fetch it again";

INSTANTIATE_TEST_SUITE_P(
    Table, BrokenFiles,
    ::testing::Values(
        Broken{"Empty", "", "is empty: fetch it again"},
        Broken{"ShorterThanASize", "1234", "has 4 bytes, no safetensors file is that short" + kAgain},
        Broken{"TruncatedHeader", size_of_header(100) + "{}",
               "says its header has 100 bytes, at most 2 are possible: it is not a safetensors file"},
        Broken{"HeaderTooLong", size_of_header(~uint64_t{0}) + "{}",
               "says its header has 18446744073709551615 bytes, at most 2 are possible"},
        Broken{"NoHeader", size_of_header(0), "(header): line 1, column 1: "},
        Broken{"BrokenJson", safetensors_bytes("{\n \"x\": }", ""), "(header): line 2, column 7: "},
        Broken{"NotAnObject", safetensors_bytes("[1]", ""), "must hold a JSON object, found array"},
        Broken{"FieldIsNoObject", safetensors_bytes(R"({"x": 3})", ""),
               "tensor 'x' must hold a JSON object, found number"},
        Broken{"NoDtype", safetensors_bytes(R"({"x": {"shape": [1]}})", ""),
               "tensor 'x': field 'dtype' is missing"},
        one("UnknownDtype", "Q4", "[8]", "[0, 8]", "tensor 'x' has the unknown dtype 'Q4'"),
        one("NegativeShape", "U8", "[-8]", "[0, 8]", "tensor 'x' has the shape [-8]"),
        one("FractionalShape", "U8", "[8.0]", "[0, 8]", "tensor 'x' has the shape [8.0]"),
        one("ShapeIsANumber", "U8", "8", "[0, 8]", "tensor 'x' has the shape 8"),
        one("BytesOverflow", "F32", "[4611686018427387904, 4]", "[0, 8]",
            "tensor 'x' has the shape [4611686018427387904,4], too large to be true" + kAgain),
        one("BytesWrapToTheTruth", "F64", "[2305843009213693953]", "[0, 8]",
            "tensor 'x' has the shape [2305843009213693953], too large to be true"),
        one("ExtentOverflows", "U8", "[18446744073709551615, 0]", "[0, 8]", "too large to be true"),
        one("NegativeOffset", "U8", "[8]", "[-1, 8]",
            "tensor 'x' has the data_offsets [-1,8], two whole numbers are needed"),
        one("OneOffset", "U8", "[8]", "[8]",
            "tensor 'x' has the data_offsets [8], two whole numbers are needed"),
        one("OffsetsReversed", "U8", "[8]", "[8, 0]",
            "tensor 'x' lies at bytes 8 to 0, the file has 8 bytes of data" + kAgain),
        one("OffsetsOutside", "U8", "[9]", "[0, 9]",
            "tensor 'x' lies at bytes 0 to 9, the file has 8 bytes of data" + kAgain),
        one("BytesDoNotFitTheShape", "F32", "[3]", "[0, 8]",
            "tensor 'x' has 8 bytes, shape [3] of F32 needs 12" + kAgain),
        two("Overlap", "[0, 4]", "[3, 7]", "tensor 'y' begins at byte "),
        two("OverlapSaysWhere", "[0, 4]", "[3, 7]", ", inside the tensor before it, which ends at "),
        two("SamePlace", "[0, 4]", "[0, 4]", ", inside the tensor before it, which ends at "),
        one("HoleAtTheStart", "U8", "[7]", "[1, 8]", ", after a hole, the tensor before it ends at "),
        one("TrailingBytes", "U8", "[7]", "[0, 7]", " bytes, its tensors end at "),
        Broken{"NothingButData", safetensors_bytes("{}", "12"),
               " has 12 bytes, its tensors end at 10" + kAgain}),
    [](const auto& broken) { return broken.param.name; });

TEST(Safetensors, HolesAreNamedByTheByte) {
  const TemporaryFolder folder;
  const std::string header =
      R"({"x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}, "y": {"dtype": "U8", "shape": [2], "data_offsets": [3, 5]}})";
  const auto path = folder.write("a", safetensors_bytes(header, "12345"));
  const size_t data = 8 + header.size();
  EXPECT_THAT([&] { SafetensorsFile{path}; },
              ThrowsMessage<ConfigError>(HasSubstr("tensor 'y' begins at byte " + std::to_string(data + 3) +
                                                   ", after a hole, the tensor before it ends at " +
                                                   std::to_string(data + 2))));
}

}  // namespace
}  // namespace ditmesh

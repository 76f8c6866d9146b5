#include "ditmesh/discovery/nvml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

NvmlGpu gpu(const std::string& bus_id) {
  return {"NVIDIA H100 80GB HBM3",
          "GPU-1",
          bus_id,
          "0x2330",
          85'000'000'000,
          {{NvmlLink::To::gpu, "0000:2d:00.0"}, {NvmlLink::To::nvswitch, "0000:05:00.0"}},
          "a row of its memory could not be remapped"};
}

TEST(Nvml, GpusSurviveTheWay) {
  const std::vector<NvmlGpu> gpus = {gpu("0000:0f:00.0"), gpu("0000:2d:00.0")};
  EXPECT_EQ(gpus_from_text(to_text(gpus)), gpus);
  EXPECT_THAT(gpus_from_text(to_text({})), IsEmpty());
}

TEST(Nvml, ProcessesThatSeeOneGpuEachSeeAllTogether) {
  const NvmlGpu a = gpu("0000:0f:00.0");
  const NvmlGpu b = gpu("0000:2d:00.0");
  EXPECT_THAT(unite({{b}, {a}}), ElementsAre(a, b));
  EXPECT_THAT(unite({{a, b}, {a, b}, {}}), ElementsAre(a, b));
}

}  // namespace
}  // namespace ditmesh

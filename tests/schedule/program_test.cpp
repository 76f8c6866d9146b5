// Programs of small meshes, written by hand. 4 text tokens 0…3, then the image's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/schedule/schedule.hpp"
#include "small_model.hpp"

namespace ditmesh::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StrEq;
using ::testing::ThrowsMessage;

TEST(Programs, OfOneRank) {
  const Schedule schedule = make_schedule(Mesh(), small_model(1, 2), small_work(6, 2));
  EXPECT_EQ(to_string(program_of(schedule, 0)),
            "step 0: embed on [0, 10)\n"
            "step 0: blocks [0, 1) joint on [0, 10), reads [0, 10) of step 0\n"
            "step 0: blocks [1, 3) single on [0, 10), reads [0, 10) of step 0\n"
            "step 0: head on [4, 10)\n"
            "step 0: scheduler on [4, 10)\n"
            "step 1: embed on [0, 10)\n"
            "step 1: blocks [0, 1) joint on [0, 10), reads [0, 10) of step 1\n"
            "step 1: blocks [1, 3) single on [0, 10), reads [0, 10) of step 1\n"
            "step 1: head on [4, 10)\n"
            "step 1: scheduler on [4, 10)\n"
            "step 1: decode on [4, 10)\n");
}

// Both branches of true CFG on one rank, one after the other, and on two.
TEST(Programs, OfTwoBranches) {
  Workload work = small_work(6, 1);
  work.branches = 2;
  EXPECT_EQ(to_string(program_of(make_schedule(Mesh(), small_model(1, 0), work), 0)),
            "step 0: embed on [0, 10)\n"
            "step 0: blocks [0, 1) joint on [0, 10), reads [0, 10) of step 0\n"
            "step 0: head on [4, 10)\n"
            "step 0 branch 1: embed on [0, 10)\n"
            "step 0 branch 1: blocks [0, 1) joint on [0, 10), reads [0, 10) of step 0\n"
            "step 0 branch 1: head on [4, 10)\n"
            "step 0 branch 1: scheduler on [4, 10)\n"
            "step 0: decode on [4, 10)\n");
  EXPECT_EQ(to_string(program_of(make_schedule(mesh_of({{Axis::cfg, 2}}), small_model(1, 0), work), 1)),
            "step 0 branch 1: embed on [0, 10)\n"
            "step 0 branch 1: blocks [0, 1) joint on [0, 10), reads [0, 10) of step 0\n"
            "step 0 branch 1: head on [4, 10)\n"
            "step 0 branch 1: collective prediction on [4, 10); cfg all_gather of 24 B\n"
            "step 0 branch 1: scheduler on [4, 10)\n"
            "step 0: decode on [4, 10)\n");
}

// 10 rows of 16 B: rank 1 holds 2 + 3 of them. It gathers by sending its own and scatters those of the other.
TEST(Programs, OfTensor) {
  const Schedule schedule = make_schedule(mesh_of({{Axis::tensor, 2}}), small_model(1, 1), small_work(6, 1));
  EXPECT_EQ(to_string(program_of(schedule, 1)),
            "step 0: embed on [0, 10) (here [2, 4) [7, 10))\n"
            "step 0: blocks [0, 1) joint on [0, 10) (here [2, 4) [7, 10)), reads [0, 10) of step 0; "
            "tensor all_gather of 32 B × 2, tensor reduce_scatter of 32 B × 2, "
            "tensor all_gather of 48 B × 2, tensor reduce_scatter of 48 B × 2\n"
            "step 0: blocks [1, 2) single on [0, 10) (here [2, 4) [7, 10)), reads [0, 10) of step 0; "
            "tensor all_gather of 80 B, tensor reduce_scatter of 80 B\n"
            "step 0: head on [4, 10) (here [7, 10))\n"
            "step 0: scheduler on [4, 10) (here [7, 10))\n"
            "step 0: collective latents on [4, 10); tensor all_gather of 12 B\n"
            "step 0: decode on [4, 10)\n");
}

// A head of 4 is 8 B a row. Ulysses: 5 rows, of q, k and v the other's head: 5 · 3 · 8; back, the other's 5
// rows of the own head. Ring: k and v of the 5 rows and of both heads.
TEST(Programs, OfSequence) {
  const ModelShape model = small_model(0, 1);
  const Schedule ulysses = make_schedule(mesh_of({{Axis::ulysses, 2}}), model, small_work(6, 1));
  EXPECT_THAT(to_string(program_of(ulysses, 0)[1]),
              StrEq("step 0: blocks [0, 1) single on [0, 10) (here [0, 2) [4, 7)), reads [0, 10) of step 0; "
                    "ulysses all_to_all of 120 B, ulysses all_to_all of 40 B"));
  const Schedule ring = make_schedule(mesh_of({{Axis::ring, 2}}), model, small_work(6, 1));
  EXPECT_THAT(to_string(program_of(ring, 0)[1]),
              StrEq("step 0: blocks [0, 1) single on [0, 10) (here [0, 2) [4, 7)), reads [0, 10) of step 0; "
                    "ring exchange of 160 B overlapped"));
  // Rank 0 of 2 × 3: rows are text 1 and image 1 of 6 each; the ring of 3 passes on both Ulysses ranks' rows.
  const Schedule both =
      make_schedule(mesh_of({{Axis::ulysses, 2}, {Axis::ring, 3}}), model, small_work(12, 1));
  EXPECT_THAT(to_string(program_of(both, 0)[1]),
              StrEq("step 0: blocks [0, 1) single on [0, 16) (here [0, 1) [4, 6)), reads [0, 16) of step 0; "
                    "ulysses all_to_all of 72 B, ring exchange of 96 B × 2 overlapped, "
                    "ulysses all_to_all of 24 B"));
}

// 2 stages, 2 patches, 1 step with all tokens: the table of Schedule::parts, and the picture of pipeline.hpp.
TEST(Programs, OfPipeFusion) {
  Workload work = small_work(6, 2);
  work.patches = 2;
  const Schedule schedule = make_schedule(mesh_of({{Axis::pipeline, 2}}), small_model(1, 1), work);
  EXPECT_EQ(to_string(program_of(schedule, 0)),
            "step 0: embed on [0, 10)\n"
            "step 0: blocks [0, 1) joint on [0, 10), reads [0, 10) of step 0\n"
            "step 0: send rows on [0, 10) to 1, 160 B\n"
            "step 1 patch 0: receive latents on [4, 7) from 1, 12 B\n"
            "step 1 patch 0: embed on [0, 7)\n"
            "step 1 patch 0: blocks [0, 1) joint on [0, 7), reads [0, 7) of step 1, [7, 10) of step 0\n"
            "step 1 patch 1: receive latents on [7, 10) from 1, 12 B\n"
            "step 1 patch 0: send rows on [0, 7) to 1, 112 B\n"
            "step 1 patch 1: embed on [7, 10)\n"
            "step 1 patch 1: blocks [0, 1) joint on [7, 10), reads [0, 10) of step 1\n"
            "step 1 patch 1: send rows on [7, 10) to 1, 48 B\n"
            "step 1: collective latents on [4, 10); pipeline broadcast of 0 B\n"
            "step 1: decode on [4, 10)\n");
  EXPECT_EQ(to_string(program_of(schedule, 1)),
            "step 0: receive rows on [0, 10) from 0, 160 B\n"
            "step 0: blocks [1, 2) single on [0, 10), reads [0, 10) of step 0\n"
            "step 0: head on [4, 10)\n"
            "step 0: scheduler on [4, 10)\n"
            "step 1 patch 0: send latents on [4, 7) to 0, 12 B\n"
            "step 1 patch 1: send latents on [7, 10) to 0, 12 B\n"
            "step 1 patch 0: receive rows on [0, 7) from 0, 112 B\n"
            "step 1 patch 0: blocks [1, 2) single on [0, 7), reads [0, 7) of step 1, [7, 10) of step 0\n"
            "step 1 patch 0: head on [4, 7)\n"
            "step 1 patch 0: scheduler on [4, 7)\n"
            "step 1 patch 1: receive rows on [7, 10) from 0, 48 B\n"
            "step 1 patch 1: blocks [1, 2) single on [7, 10), reads [0, 10) of step 1\n"
            "step 1 patch 1: head on [7, 10)\n"
            "step 1 patch 1: scheduler on [7, 10)\n"
            "step 1: collective latents on [4, 10); pipeline broadcast of 24 B\n"
            "step 1: decode on [4, 10)\n");
}

// Two batches in two stages: the first stage takes batch 0's latents when it has computed batch 1.
TEST(Programs, OfImagePipelining) {
  const Schedule schedule =
      make_schedule(mesh_of({{Axis::pipeline, 2}}), small_model(0, 2), small_work(6, 2));
  EXPECT_EQ(schedule.batches, 2);
  EXPECT_EQ(to_string(program_of(schedule, 0)),
            "step 0: embed on [0, 10)\n"
            "step 0: blocks [0, 1) single on [0, 10), reads [0, 10) of step 0\n"
            "step 0: send rows on [0, 10) to 1, 160 B\n"
            "batch 1 step 0: embed on [0, 10)\n"
            "batch 1 step 0: blocks [0, 1) single on [0, 10), reads [0, 10) of step 0\n"
            "step 1: receive latents on [4, 10) from 1, 24 B\n"
            "batch 1 step 0: send rows on [0, 10) to 1, 160 B\n"
            "step 1: embed on [0, 10)\n"
            "step 1: blocks [0, 1) single on [0, 10), reads [0, 10) of step 1\n"
            "batch 1 step 1: receive latents on [4, 10) from 1, 24 B\n"
            "step 1: send rows on [0, 10) to 1, 160 B\n"
            "batch 1 step 1: embed on [0, 10)\n"
            "batch 1 step 1: blocks [0, 1) single on [0, 10), reads [0, 10) of step 1\n"
            "batch 1 step 1: send rows on [0, 10) to 1, 160 B\n"
            "step 1: collective latents on [4, 10); pipeline broadcast of 0 B\n"
            "step 1: decode on [4, 10)\n"
            "batch 1 step 1: collective latents on [4, 10); pipeline broadcast of 0 B\n"
            "batch 1 step 1: decode on [4, 10)\n");
}

// A shard of all tokens is not made of the patches' shards: after the warm-up the stage gathers the latents.
TEST(Programs, OfPipeFusionWithSequence) {
  Workload work = small_work(8, 2);
  work.patches = 2;
  const Schedule schedule = make_schedule(mesh_of({{Axis::ulysses, 2}}), small_model(0, 1), work);
  const Program program = program_of(schedule, 1);
  EXPECT_EQ(to_string(program[4]), "step 0: collective latents on [4, 12); ulysses all_gather of 16 B");
  EXPECT_EQ(to_string(program[5]), "step 1 patch 0: embed on [0, 8) (here [2, 4) [6, 8))");
  EXPECT_EQ(to_string(program[9]), "step 1 patch 1: embed on [8, 12) (here [10, 12))");
}

TEST(Programs, OfReplicasNameTheirOwnRanks) {
  const Mesh mesh = mesh_of({{Axis::pipeline, 2}, {Axis::data, 2}});
  const Schedule schedule = make_schedule(mesh, small_model(0, 2), small_work(6, 1));
  EXPECT_EQ(program_of(schedule, 2)[2].peer, 3);
  Program of_second = program_of(schedule, 2);
  for (Operation& operation : of_second) {
    if (operation.peer >= 0) operation.peer -= 2;
  }
  EXPECT_EQ(of_second, program_of(schedule, 0));
}

TEST(Programs, StepsAreTakenOut) {
  const Schedule schedule = make_schedule(Mesh(), small_model(1, 0), small_work(6, 3));
  const Program step = step_of(program_of(schedule, 0), 1);
  ASSERT_EQ(step.size(), 4U);
  EXPECT_EQ(to_string(step[0]), "step 1: embed on [0, 10)");
}

// Joint blocks of FLUX.1 cost what single ones do on as many tokens; a 15th block and the embedding would
// make the first stage the dearest.
TEST(Schedules, StagesAreBalancedByCost) {
  const ModelShape model = find_model_shape("flux.1-dev");
  const BlockFlops flops = block_flops(model, 512, 4096);
  ASSERT_EQ(flops.blocks.size(), 57U);
  EXPECT_NEAR(flops.blocks.front() / 1e12, (2.0 * 12 * 3072 * 3072 * 4608 + 4.0 * 4608 * 4608 * 3072) / 1e12,
              1e-9);
  const Schedule schedule = make_schedule(mesh_of({{Axis::pipeline, 4}}), model, Workload());
  EXPECT_EQ(schedule.stages, (std::vector<Range>{{0, 14}, {14, 29}, {29, 44}, {44, 57}}));
}

struct Refused {
  const char* what;
  Schedule given;
  const char* message;
};
std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.what; }
class WrongSchedules : public ::testing::TestWithParam<Refused> {};

TEST_P(WrongSchedules, SayRuleAndNumbers) {
  const Schedule& given = GetParam().given;
  EXPECT_THAT([&] { make_schedule(given.mesh, given.model, given.workload, given.batches, given.stages); },
              ThrowsMessage<ConfigError>(HasSubstr(GetParam().message)));
}

Workload with_patches(int num_image, int patches, int warmup) {
  Workload work = small_work(num_image, 2);
  work.patches = patches;
  work.warmup_steps = warmup;
  return work;
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongSchedules,
    ::testing::Values(
        Refused{"cfg",
                {mesh_of({{Axis::cfg, 2}}), small_model(1, 1), small_work(6, 2), 1, {}},
                "mesh cfg=2 does not fit 1 branch"},
        Refused{
            "rows",
            {mesh_of({{Axis::ring, 2}}), small_model(1, 1), with_patches(6, 2, 1), 1, {}},
            "6 image tokens in 2 patches on 2 ranks (tensor × ulysses × ring) leave some with 1, at least 2"},
        Refused{"warm-up",
                {Mesh(), small_model(1, 1), with_patches(6, 2, 0), 1, {}},
                "warm-up steps 0 must be at least 1 with patches 2"},
        Refused{"stages",
                {mesh_of({{Axis::pipeline, 3}}), small_model(1, 1), small_work(6, 2), 1, {}},
                "mesh pipeline=3 is more than the 2 blocks of the model"},
        Refused{"given",
                {mesh_of({{Axis::pipeline, 2}}), small_model(1, 2), small_work(6, 2), 1, {{0, 1}, {2, 3}}},
                "stages 0,2 must be the blocks 0-2 in order, in 2 runs"},
        Refused{"unet",
                {Mesh(), find_model_shape("sdxl"), small_work(6, 2), 1, {}},
                "model sdxl is not made of numbered token blocks"}));

}  // namespace
}  // namespace ditmesh::testing

// The executor with a model of almost nothing: which blocks run where, and what
// the ranks of a pipeline, of true CFG and of the sequence tell each other.

#include "ditmesh/parallel/executor.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "ditmesh/base/error.hpp"
#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm/thread_communicator.hpp"

namespace ditmesh {
namespace {

TEST(StageBlocks, DealBlocksInOrder) {
  EXPECT_EQ(Executor::stage_blocks(57, 0, 4), (Range{0, 15}));
  EXPECT_EQ(Executor::stage_blocks(57, 1, 4), (Range{15, 29}));
  EXPECT_EQ(Executor::stage_blocks(57, 3, 4), (Range{43, 57}));
  for (const int blocks : {1, 2, 5, 57}) {
    for (int stages = 1; stages <= blocks; ++stages) {
      int64_t place = 0;
      for (int stage = 0; stage < stages; ++stage) {
        const Range range = Executor::stage_blocks(blocks, stage, stages);
        EXPECT_EQ(range.begin, place);
        EXPECT_GE(range.size(), 1) << "every stage has work";
        place = range.end;
      }
      EXPECT_EQ(place, blocks);
    }
  }
}

// Block i maps a row x to 2x + i + 1, which does not commute: order and number
// of blocks show in the result. The branch's text is added by embed().
class Toy final : public DiffusionTransformer {
 public:
  Toy(int num_blocks, Range blocks) : num_blocks_(num_blocks), blocks_(blocks) {}

  int num_blocks() const override { return num_blocks_; }
  Range blocks() const override { return blocks_; }
  int64_t width() const override { return 1; }
  Conditioning prepare(const Conditions& /*conditions*/, const std::vector<float>& /*timesteps*/) override {
    return {};
  }
  at::Tensor embed(const at::Tensor& latents, const Conditioning& conditioning, int step,
                   const TokenLayout& layout) override {
    const at::Tensor text = conditioning.text.narrow(0, layout.text_held.begin, layout.text_held.size());
    return at::cat({text, latents + conditioning.text[0] + step});
  }
  void block(int index, at::Tensor& rows, const Conditioning& /*conditioning*/, int /*step*/,
             const TokenLayout& /*layout*/, Attention& /*attention*/) override {
    rows = rows * 2 + (index + 1);
  }
  at::Tensor head(const at::Tensor& rows, const Conditioning& /*conditioning*/, int /*step*/,
                  const TokenLayout& layout) override {
    return rows.narrow(0, layout.text_held.size(), layout.image_held.size());
  }

 private:
  int num_blocks_;
  Range blocks_;
};

// latents + prediction / 100.
class ToyStepper final : public Stepper {
 public:
  int num_steps() const override { return 3; }
  const std::vector<float>& timesteps() const override { return timesteps_; }
  at::Tensor step(int /*step*/, const at::Tensor& latents, const at::Tensor& prediction) override {
    return latents + prediction / 100;
  }

 private:
  std::vector<float> timesteps_ = {3, 2, 1};
};

constexpr int kBlocks = 5;
constexpr int64_t kText = 3;
constexpr int64_t kImage = 7;

at::Tensor run(Communicator& replica, const Mesh& mesh, bool true_cfg) {
  InnerGroups groups(replica, mesh);
  Toy model(kBlocks, Executor::stage_blocks(kBlocks, groups.coordinate()[Axis::pipeline],
                                            groups.mesh().degree(Axis::pipeline)));
  Executor executor(model, groups);
  std::vector<Conditioning> branches(true_cfg ? 2 : 1);
  for (size_t i = 0; i < branches.size(); ++i) {
    branches[i].text = at::full({kText, 2, 1}, static_cast<double>(i + 1), at::kFloat);
  }
  const at::Tensor start = at::arange(2 * kImage, at::kFloat).view({kImage, 2, 1});
  const at::Tensor scale = true_cfg ? at::full({2, 1}, 3.0, at::kFloat) : at::Tensor();
  InFlight batch = executor.start(start, std::move(branches), scale, std::make_unique<ToyStepper>());
  int steps = 0;
  while (!batch.finished()) {
    executor.advance(batch);
    ++steps;
  }
  EXPECT_EQ(steps, 3);
  EXPECT_TRUE(start.equal(at::arange(2 * kImage, at::kFloat).view({kImage, 2, 1})))
      << "the noise is the caller's";
  return executor.latents(batch);
}

// The same by hand: five blocks make of x: 32x + 16 + 2·8 + 3·4 + 4·2 + 5 = 32x + 57.
at::Tensor by_hand(bool true_cfg) {
  at::Tensor latents = at::arange(2 * kImage, at::kFloat).view({kImage, 2, 1});
  for (int step = 0; step < 3; ++step) {
    const auto predict = [&](int branch) { return (latents + (branch + 1 + step)) * 32 + 57; };
    at::Tensor prediction = predict(0);
    if (true_cfg) prediction = predict(1) + 3.0 * (predict(0) - predict(1));
    latents = latents + prediction / 100;
  }
  return latents;
}

struct MeshOf {
  const char* text;
  int num_ranks;
};

std::ostream& operator<<(std::ostream& out, const MeshOf& mesh) { return out << mesh.text; }

class Meshes : public ::testing::TestWithParam<MeshOf> {};

TEST_P(Meshes, GiveTheSameLatentsOnEveryRank) {
  const auto [text, num_ranks] = GetParam();
  const Mesh mesh = Mesh::parse(text, num_ranks);
  for (const bool true_cfg : {false, true}) {
    std::atomic<int> ranks_done{0};
    run_thread_ranks(num_ranks, [&](Communicator& replica) {
      const at::Tensor latents = run(replica, mesh, true_cfg);
      EXPECT_TRUE(latents.allclose(by_hand(true_cfg), 1e-5)) << "rank " << replica.rank();
      ++ranks_done;
    });
    EXPECT_EQ(ranks_done, num_ranks);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Meshes,
                         ::testing::Values(MeshOf{"data=1", 1}, MeshOf{"pipeline=2", 2},
                                           MeshOf{"pipeline=5", 5}, MeshOf{"cfg=2", 2},
                                           MeshOf{"pipeline=3,cfg=2", 6}, MeshOf{"tensor=3", 3},
                                           MeshOf{"ulysses=2,ring=2", 4},
                                           MeshOf{"tensor=2,ulysses=3,ring=2", 12}, MeshOf{"ring=8", 8},
                                           MeshOf{"tensor=2,ulysses=2,pipeline=2,cfg=2", 16}));

TEST(InnerGroups, AreTheGroupsOfTheMesh) {
  const Mesh mesh = Mesh::parse("tensor=2,ring=3,cfg=2", 12);
  run_thread_ranks(12, [&](Communicator& replica) {
    InnerGroups groups(replica, mesh);
    const PerAxis place = mesh.coordinate(replica.rank());
    EXPECT_EQ(groups.coordinate(), place);
    for (const Axis axis : kAxes) {
      EXPECT_EQ(groups[axis].size(), mesh.degree(axis)) << axis_name(axis);
      EXPECT_EQ(groups[axis].rank(), place[axis]) << axis_name(axis);
      EXPECT_EQ(groups[axis].name(), axis_name(axis));
    }
  });
  LocalCommunicator alone;
  EXPECT_THROW(InnerGroups(alone, mesh), InternalError);
}

TEST(RotaryOf, PicksRunsOfPositions) {
  const at::Tensor table = at::arange(10, at::kFloat).unsqueeze(1);
  const Rotary part = rotary_of({table, table + 100}, {{1, 3}, {7, 8}, {4, 4}});
  EXPECT_EQ(part.cos.size(0), 3);
  EXPECT_EQ(part.cos[0].item<float>(), 1);
  EXPECT_EQ(part.cos[1].item<float>(), 2);
  EXPECT_EQ(part.sin[2].item<float>(), 107);
}

}  // namespace
}  // namespace ditmesh

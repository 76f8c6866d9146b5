// A model runs on any inner mesh without a line that knows of it: thread-ranks
// that share attention, linear layers, blocks or the two halves of true CFG
// give the latents of one rank.

#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <mutex>

#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm/thread_communicator.hpp"
#include "model/golden.hpp"

namespace ditmesh {
namespace {

using testing::Golden;
using testing::relative;

at::Tensor run(const Golden& golden, Communicator& replica, const Mesh& mesh) {
  const c10::InferenceMode no_gradients;
  InnerGroups groups(replica, mesh);
  FluxPipeline pipeline(golden.model(), golden.options(), golden.dtype(), groups);
  const auto requests = golden.requests();
  InFlight batch = pipeline.start(requests, golden.shape());
  while (!batch.finished()) pipeline.advance(batch);
  return pipeline.finish(batch, golden.shape()).latents;
}

struct Seam {
  std::string golden;
  std::string mesh;
  int num_ranks;
};

std::ostream& operator<<(std::ostream& out, const Seam& seam) {
  return out << seam.golden << ' ' << seam.mesh;
}

class Seams : public ::testing::TestWithParam<Seam> {};

TEST_P(Seams, EqualOneRank) {
  const Golden golden(GetParam().golden);
  LocalCommunicator alone;
  const at::Tensor expected = run(golden, alone, Mesh());
  const Mesh mesh = Mesh::parse(GetParam().mesh, GetParam().num_ranks);
  std::mutex mutex;
  int ranks_seen = 0;
  run_thread_ranks(GetParam().num_ranks, [&](Communicator& replica) {
    const at::Tensor latents = run(golden, replica, mesh);
    const std::lock_guard lock(mutex);
    ++ranks_seen;
    EXPECT_LE(relative(latents, expected), 1e-4) << "rank " << replica.rank();
  });
  EXPECT_EQ(ranks_seen, GetParam().num_ranks);
}

INSTANTIATE_TEST_SUITE_P(
    Meshes, Seams,
    ::testing::Values(Seam{"dev", "ring=2,data=1", 2},      // attention by tokens
                      Seam{"dev", "ulysses=2,data=1", 2},   // attention by heads
                      Seam{"dev", "tensor=2,data=1", 2},    // linear layers
                      Seam{"dev", "pipeline=2,data=1", 2},  // blocks
                      Seam{"true_cfg", "cfg=2,data=1", 2}, Seam{"true_cfg", "pipeline=2,cfg=2,data=1", 4},
                      Seam{"heads5", "ulysses=3,data=1", 3}, Seam{"heads7", "tensor=3,data=1", 3},
                      Seam{"nonsquare", "ulysses=2,ring=2,data=1", 4}, Seam{"heads5", "ring=5,data=1", 5},
                      Seam{"heads7", "tensor=2,ulysses=2,data=1", 4},
                      Seam{"batch", "tensor=2,ulysses=2,ring=2,data=1", 8},
                      Seam{"nonsquare", "tensor=2,ring=2,pipeline=2,data=1", 8}));

}  // namespace
}  // namespace ditmesh

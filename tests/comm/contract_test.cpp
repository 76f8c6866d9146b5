// The contract on threads and on one rank alone.

#include "comm/communicator_contract.hpp"

#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm/thread_communicator.hpp"

namespace ditmesh::testing {
namespace {

template <int kNumRanks>
struct Threads {
  static void run(const std::function<void(Communicator&)>& body) {
    std::atomic<int> ranks_done{0};
    run_thread_ranks(kNumRanks, [&](Communicator& comm) {
      ASSERT_EQ(comm.size(), kNumRanks);
      body(comm);
      ++ranks_done;
    });
    EXPECT_EQ(ranks_done, kNumRanks);
  }
  static constexpr int kSize = kNumRanks;
};

struct Alone {
  static void run(const std::function<void(Communicator&)>& body) {
    LocalCommunicator comm;
    body(comm);
  }
  static constexpr int kSize = 0;
};

struct WorldNames {
  template <typename World>
  static std::string GetName(int) {
    return World::kSize == 0 ? "Local" : "Threads" + std::to_string(World::kSize);
  }
};

using Worlds = ::testing::Types<Alone, Threads<1>, Threads<2>, Threads<3>, Threads<5>, Threads<8>>;
INSTANTIATE_TYPED_TEST_SUITE_P(Worlds, CommunicatorContract, Worlds, WorldNames);

}  // namespace
}  // namespace ditmesh::testing

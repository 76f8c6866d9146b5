// Attention over a sequence group of thread-ranks equals attention on one rank.

#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm/thread_communicator.hpp"
#include "ditmesh/parallel/attention.hpp"
#include "kernels/helpers.hpp"

namespace ditmesh {
namespace {

using testing::relative;
using testing::seeded_randn;

struct Degrees {
  int ulysses;
  int ring;
};

std::ostream& operator<<(std::ostream& out, const Degrees& d) { return out << d.ulysses << 'x' << d.ring; }

// How the tokens lie on `ranks` ranks.
enum class Tokens { even, uneven, some_ranks_empty, fewer_than_ranks };

std::vector<int64_t> counts_of(Tokens tokens, int ranks) {
  std::vector<int64_t> counts;
  for (int rank = 0; rank < ranks; ++rank) {
    switch (tokens) {
      case Tokens::even:
        counts.push_back(6);
        break;
      case Tokens::uneven:
        counts.push_back(1 + (5 * rank + 3) % 7);
        break;
      case Tokens::some_ranks_empty:
        counts.push_back(rank % 2 == 0 ? 4 : 0);
        break;
      case Tokens::fewer_than_ranks:
        counts.push_back(rank == ranks - 1 ? 1 : 0);
        break;
    }
  }
  return counts;
}

using Case = std::tuple<Degrees, int64_t /*heads*/, int64_t /*batch*/, Tokens>;

std::string name_of(const ::testing::TestParamInfo<Case>& test) {
  const auto& [degrees, heads, batch, tokens] = test.param;
  const char* names[] = {"Even", "Uneven", "SomeRanksEmpty", "FewerThanRanks"};
  return cat("u", degrees.ulysses, "r", degrees.ring, "_", heads, "heads_batch", batch, "_",
             names[static_cast<size_t>(tokens)]);
}

class SequenceGroups : public ::testing::TestWithParam<Case> {};

TEST_P(SequenceGroups, EqualPlainAttention) {
  const auto [degrees, heads, batch, tokens] = GetParam();
  const int num_ranks = degrees.ulysses * degrees.ring;
  const std::vector<int64_t> counts = counts_of(tokens, num_ranks);
  const int64_t head_dim = 8;
  const auto random = [&](uint64_t seed) {
    return seeded_randn({sum(counts), batch, heads, head_dim}, seed);
  };
  const at::Tensor q = random(1);
  const at::Tensor k = random(2);
  const at::Tensor v = random(3);
  const at::Tensor expected = PlainAttention()(0, {}, q, k, v);

  std::atomic<int> ranks_done{0};
  run_thread_ranks(
      num_ranks,
      [&, ulysses_degree = degrees.ulysses](Communicator& comm) {
        const int ring_place = comm.rank() / ulysses_degree;
        const int ulysses_place = comm.rank() % ulysses_degree;
        const auto ulysses = comm.split(ring_place, ulysses_place, "ulysses");
        const auto ring = comm.split(ulysses_place, ring_place, "ring");
        SequenceAttention attention(*ulysses, *ring, counts);
        const int64_t begin = sum({counts.begin(), counts.begin() + comm.rank()});
        const auto own = [&](const at::Tensor& x) {
          return x.narrow(0, begin, counts[static_cast<size_t>(comm.rank())]);
        };
        // Twice: groups and numbers of verbs must be in step afterwards.
        for (int block = 0; block < 2; ++block) {
          const at::Tensor out = attention(block, {}, own(q), own(k), own(v));
          EXPECT_LE(relative(out, own(expected)), 1e-5) << "rank " << comm.rank();
        }
        ++ranks_done;
      },
      std::chrono::seconds(10));
  EXPECT_EQ(ranks_done, num_ranks);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SequenceGroups,
    ::testing::Combine(
        ::testing::Values(Degrees{2, 1}, Degrees{1, 2}, Degrees{3, 1}, Degrees{1, 3}, Degrees{2, 2},
                          Degrees{5, 1}, Degrees{7, 1}, Degrees{1, 7}, Degrees{2, 3}, Degrees{7, 2}),
        ::testing::Values(24, 5), ::testing::Values(1, 2),
        ::testing::Values(Tokens::even, Tokens::uneven, Tokens::some_ranks_empty, Tokens::fewer_than_ranks)),
    name_of);

TEST(SequenceAttention, KeepsTheDtype) {
  const at::Tensor q = seeded_randn({8, 1, 4, 8}, 1).to(at::kBFloat16);
  const at::Tensor expected = PlainAttention()(0, {}, q, q, q);
  for (const bool by_heads : {true, false}) {
    run_thread_ranks(2, [&](Communicator& comm) {
      LocalCommunicator alone;
      SequenceAttention attention(by_heads ? comm : alone, by_heads ? alone : comm, {5, 3});
      const at::Tensor own = comm.rank() == 0 ? q.narrow(0, 0, 5) : q.narrow(0, 5, 3);
      const at::Tensor out = attention(0, {}, own, own, own);
      EXPECT_EQ(out.scalar_type(), at::kBFloat16);
      EXPECT_LE(relative(out, comm.rank() == 0 ? expected.narrow(0, 0, 5) : expected.narrow(0, 5, 3)), 2e-2);
    });
  }
}

TEST(SequenceAttention, NeedsACountPerRank) {
  LocalCommunicator ulysses;
  LocalCommunicator ring;
  EXPECT_THAT(
      [&] {
        SequenceAttention(ulysses, ring, {1, 2});
      },
      ::testing::ThrowsMessage<InternalError>(
          ::testing::HasSubstr("one row count per rank of the sequence group")));
}

}  // namespace
}  // namespace ditmesh

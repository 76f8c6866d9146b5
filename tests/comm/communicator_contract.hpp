#pragma once
// What every communicator owes its callers, as one suite: threads, one rank and
// MPI run the same tests. A World is
//   struct World { static void run(const std::function<void(Communicator&)>& body); };
// and runs `body` on all of its ranks.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/comm/communicator.hpp"
#include "ditmesh/base/range.hpp"

namespace ditmesh::testing {

inline constexpr std::array kDtypes = {at::kFloat, at::kBFloat16, at::kHalf, at::kLong};

/// Row counts to try: even, rising, with zeros between, all on the last rank, none.
inline std::vector<RowCounts> row_patterns(int size) {
  std::vector<RowCounts> patterns(5, RowCounts(size, 0));
  for (int rank = 0; rank < size; ++rank) {
    patterns[0][rank] = 2;
    patterns[1][rank] = rank + 1;
    patterns[2][rank] = rank % 2 == 1 ? 3 : 0;
  }
  patterns[3].back() = 4;
  return patterns;
}

/// Row `row` of rank `rank` as a number of its own; small, so that 16-bit types and their sums are exact.
inline at::Tensor rows_of(int rank, int64_t rows, at::ScalarType dtype, int64_t first = 0) {
  const at::Tensor numbers = at::arange(first, first + rows, at::kLong) + 4 * rank;
  return (numbers.unsqueeze(1) * at::tensor({1, 2, -1}, at::kLong)).to(dtype);
}

inline at::Tensor nothing_of(int64_t rows, at::ScalarType dtype) {
  return at::full({rows, 3}, 99, at::TensorOptions(dtype));
}

#define EXPECT_TENSOR_EQ(a, b) \
  EXPECT_TRUE((a).equal(b)) << #a << " is\n" << (a) << "\n" << #b << " is\n" << (b)

template <typename World>
class CommunicatorContract : public ::testing::Test {};

TYPED_TEST_SUITE_P(CommunicatorContract);

TYPED_TEST_P(CommunicatorContract, AllReduceSumsInPlace) {
  TypeParam::run([](Communicator& comm) {
    for (const auto dtype : kDtypes) {
      for (const int64_t rows : {0, 1, 7}) {
        const at::Tensor tensor = rows_of(comm.rank(), rows, dtype);
        at::Tensor expected = at::zeros({rows, 3}, dtype);
        for (int rank = 0; rank < comm.size(); ++rank) expected += rows_of(rank, rows, dtype);
        comm.all_reduce(tensor).wait();
        EXPECT_TENSOR_EQ(tensor, expected);
      }
    }
  });
}

// The first number is so large that adding 1 in its own type changes nothing.
TYPED_TEST_P(CommunicatorContract, SixteenBitSumsAccumulateInFp32) {
  TypeParam::run([](Communicator& comm) {
    for (const auto& [dtype, large] : {std::pair(at::kBFloat16, 256), std::pair(at::kHalf, 2048)}) {
      const auto options = at::TensorOptions(dtype);
      const int64_t size = comm.size();
      const at::Tensor in = at::full({size, 1}, comm.rank() == 0 ? large : 1, options);
      const at::Tensor expected = at::full({size, 1}, large + size - 1, at::kFloat).to(dtype);
      const at::Tensor everywhere = in.clone();
      comm.all_reduce(everywhere).wait();
      EXPECT_TENSOR_EQ(everywhere, expected);
      const at::Tensor own = at::empty({1, 1}, options);
      comm.reduce_scatter(own, in, RowCounts(size, 1)).wait();
      EXPECT_TENSOR_EQ(own, expected.narrow(0, 0, 1));
    }
  });
}

// Sums of fp32 depend on the order of the ranks: it is 0, 1, 2 … whatever the timing.
TYPED_TEST_P(CommunicatorContract, AllRanksGetTheSameBits) {
  TypeParam::run([](Communicator& comm) {
    constexpr int64_t kNumbers = 1001;
    for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
      // Every rank knows every rank's numbers.
      const auto numbers_of = [&](int rank) {
        return (at::arange(kNumbers, at::kFloat) * (rank + 3)).sin().mul(1000).to(dtype);
      };
      at::Tensor expected = numbers_of(0).to(at::kFloat);
      for (int rank = 1; rank < comm.size(); ++rank) expected += numbers_of(rank).to(at::kFloat);
      const at::Tensor sum = numbers_of(comm.rank());
      comm.all_reduce(sum).wait();
      EXPECT_TRUE(sum.equal(expected.to(dtype))) << dtype;
    }
  });
}

TYPED_TEST_P(CommunicatorContract, AllGatherStacksTheRows) {
  TypeParam::run([](Communicator& comm) {
    for (const auto dtype : kDtypes) {
      for (const RowCounts& rows : row_patterns(comm.size())) {
        const at::Tensor out = nothing_of(sum(rows), dtype);
        comm.all_gather(out, rows_of(comm.rank(), rows[comm.rank()], dtype), rows).wait();
        int64_t row = 0;
        for (int rank = 0; rank < comm.size(); ++rank) {
          EXPECT_TENSOR_EQ(out.narrow(0, row, rows[rank]), rows_of(rank, rows[rank], dtype));
          row += rows[rank];
        }
      }
    }
  });
}

TYPED_TEST_P(CommunicatorContract, ReduceScatterGivesTheOwnRowsOfTheSum) {
  TypeParam::run([](Communicator& comm) {
    for (const auto dtype : kDtypes) {
      for (const RowCounts& rows : row_patterns(comm.size())) {
        const int64_t all = sum(rows);
        const at::Tensor out = nothing_of(rows[comm.rank()], dtype);
        comm.reduce_scatter(out, rows_of(comm.rank(), all, dtype), rows).wait();
        at::Tensor expected = at::zeros({all, 3}, dtype);
        for (int rank = 0; rank < comm.size(); ++rank) expected += rows_of(rank, all, dtype);
        const int64_t before = sum({rows.begin(), rows.begin() + comm.rank()});
        EXPECT_TENSOR_EQ(out, expected.narrow(0, before, rows[comm.rank()]));
      }
    }
  });
}

TYPED_TEST_P(CommunicatorContract, AllToAllSendsEveryPairItsRows) {
  TypeParam::run([](Communicator& comm) {
    // Rows from one rank to another: uneven, some none, not symmetric.
    const auto rows_between = [](int from, int to) -> int64_t { return (2 * from + 3 * to) % 4; };
    for (const auto dtype : kDtypes) {
      RowCounts send;
      RowCounts receive;
      for (int peer = 0; peer < comm.size(); ++peer) {
        send.push_back(rows_between(comm.rank(), peer));
        receive.push_back(rows_between(peer, comm.rank()));
      }
      const at::Tensor out = nothing_of(sum(receive), dtype);
      comm.all_to_all(out, receive, rows_of(comm.rank(), sum(send), dtype), send).wait();
      int64_t row = 0;
      for (int peer = 0; peer < comm.size(); ++peer) {
        int64_t before = 0;
        for (int other = 0; other < comm.rank(); ++other) before += rows_between(peer, other);
        EXPECT_TENSOR_EQ(out.narrow(0, row, receive[peer]), rows_of(peer, receive[peer], dtype, before));
        row += receive[peer];
      }
    }
  });
}

TYPED_TEST_P(CommunicatorContract, BroadcastFromEveryRoot) {
  TypeParam::run([](Communicator& comm) {
    for (const auto dtype : kDtypes) {
      for (int root = 0; root < comm.size(); ++root) {
        for (const int64_t rows : {0, 5}) {
          const at::Tensor tensor = rows_of(comm.rank(), rows, dtype);
          comm.broadcast(tensor, root).wait();
          EXPECT_TENSOR_EQ(tensor, rows_of(root, rows, dtype));
        }
      }
    }
  });
}

// Three messages to the right neighbour (on one rank: to itself), of 1, 0 and 3 rows.
TYPED_TEST_P(CommunicatorContract, MessagesOfAPairKeepTheirOrder) {
  TypeParam::run([](Communicator& comm) {
    const int right = (comm.rank() + 1) % comm.size();
    const int left = (comm.rank() + comm.size() - 1) % comm.size();
    std::vector<Message> messages;
    for (const int64_t rows : {1, 0, 3}) {
      messages.push_back({right, Message::Direction::send, rows_of(comm.rank(), rows, at::kFloat, rows)});
    }
    std::vector<at::Tensor> received;
    for (const int64_t rows : {1, 0, 3}) {
      received.push_back(nothing_of(rows, at::kFloat));
      messages.push_back({left, Message::Direction::receive, received.back()});
    }
    comm.exchange(messages).wait();
    EXPECT_TENSOR_EQ(received[0], rows_of(left, 1, at::kFloat, 1));
    EXPECT_TENSOR_EQ(received[2], rows_of(left, 3, at::kFloat, 3));
    comm.exchange({}).wait();
  });
}

TYPED_TEST_P(CommunicatorContract, SeveralVerbsAreUnderWayAtOnce) {
  TypeParam::run([](Communicator& comm) {
    const RowCounts one(comm.size(), 1);
    std::vector<at::Tensor> out;
    {
      std::vector<Work> under_way;
      for (int64_t i = 0; i < 4; ++i) {
        out.push_back(nothing_of(comm.size(), at::kFloat));
        under_way.push_back(comm.all_gather(out.back(), rows_of(comm.rank(), 1, at::kFloat, i), one));
        comm.progress();
      }
      under_way[3].wait();
      under_way[3].wait();  // a second time is nothing
    }                       // dropped: waits for the others
    for (int64_t i = 0; i < 4; ++i) {
      for (int rank = 0; rank < comm.size(); ++rank) {
        EXPECT_TENSOR_EQ(out[i].narrow(0, rank, 1), rows_of(rank, 1, at::kFloat, i));
      }
    }
  });
}

TYPED_TEST_P(CommunicatorContract, AgreeGivesTheLargestStatus) {
  TypeParam::run([](Communicator& comm) {
    EXPECT_EQ(comm.agree(0), 0);
    for (int bad = 0; bad < comm.size(); ++bad) EXPECT_EQ(comm.agree(comm.rank() == bad ? 7 : 0), 7);
    EXPECT_EQ(comm.agree(comm.rank()), comm.size() - 1);
  });
}

// World ranks of a group's members, in order of the group.
inline std::vector<int64_t> members(Communicator& group, int world_rank) {
  const at::Tensor out = at::empty({group.size()}, at::kLong);
  group.all_gather(out, at::full({1}, world_rank, at::kLong), RowCounts(group.size(), 1)).wait();
  return {out.data_ptr<int64_t>(), out.data_ptr<int64_t>() + out.numel()};
}

TYPED_TEST_P(CommunicatorContract, SplitMakesGroupsOfColorsInOrderOfKeys) {
  TypeParam::run([](Communicator& comm) {
    const int parity = comm.rank() % 2;
    std::vector<int64_t> expected;
    for (int rank = parity; rank < comm.size(); rank += 2) expected.push_back(rank);

    const auto even_odd = comm.split(parity, comm.rank(), "even-odd");
    EXPECT_EQ(even_odd->name(), "even-odd");
    EXPECT_EQ(even_odd->size(), static_cast<int>(expected.size()));
    EXPECT_EQ(even_odd->rank(), comm.rank() / 2);
    EXPECT_EQ(members(*even_odd, comm.rank()), expected);
    // Equal keys: in order of the ranks.
    EXPECT_EQ(members(*comm.split(parity, 0, "same keys"), comm.rank()), expected);
    std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(members(*comm.split(parity, -comm.rank(), "reversed"), comm.rank()), expected);

    // A group of a group, and the parent goes on working.
    const auto pairs = even_odd->split(even_odd->rank() / 2, even_odd->rank(), "pairs");
    std::vector<int64_t> pair = {comm.rank() - even_odd->rank() % 2 * 2};
    if (pair[0] + 2 < comm.size()) pair.push_back(pair[0] + 2);
    EXPECT_EQ(members(*pairs, comm.rank()), pair);
    std::vector<int64_t> all;
    for (int rank = 0; rank < comm.size(); ++rank) all.push_back(rank);
    EXPECT_EQ(members(comm, comm.rank()), all);
  });
}

// All ranks make the same mistake, so none waits.
TYPED_TEST_P(CommunicatorContract, MisuseNamesTheVerb) {
  TypeParam::run([](Communicator& comm) {
    const auto refused = [&](const std::string& verb, const std::string& rule, const auto& call) {
      EXPECT_THAT(call, ::testing::ThrowsMessage<InternalError>(::testing::AllOf(
                            ::testing::StartsWith(verb + " number "), ::testing::HasSubstr(rule),
                            ::testing::HasSubstr(cat("rank ", comm.rank(), " of ", comm.size())))));
    };
    const std::string contiguous = "contiguous tensors of at least one dimension";
    const std::string counts = "one row count per rank that match the tensors";
    const std::string alike = "rows of one dtype and shape";
    const int64_t size = comm.size();
    const RowCounts one(comm.size(), 1);
    const at::Tensor in = at::zeros({1, 4});
    const at::Tensor all = at::zeros({size, 4});

    refused("all_reduce", contiguous, [&] { comm.all_reduce(at::zeros({4, 4}).t()); });
    refused("all_reduce", contiguous, [&] { comm.all_reduce(at::Tensor()); });
    refused("all_reduce", contiguous, [&] { comm.all_reduce(at::zeros({})); });
    refused("all_gather", counts, [&] { comm.all_gather(all, in, RowCounts(size + 1, 1)); });
    refused("all_gather", counts, [&] { comm.all_gather(all, in, RowCounts(size, 2)); });
    refused("all_gather", counts, [&] { comm.all_gather(at::zeros({size + 1, 4}), in, one); });
    refused("all_gather", alike, [&] { comm.all_gather(at::zeros({size, 3}), in, one); });
    refused("all_gather", alike, [&] { comm.all_gather(all.to(at::kHalf), in, one); });
    refused("reduce_scatter", counts, [&] { comm.reduce_scatter(in, at::zeros({size + 1, 4}), one); });
    refused("reduce_scatter", alike, [&] { comm.reduce_scatter(in, all.to(at::kDouble), one); });
    refused("all_to_all", counts, [&] { comm.all_to_all(all, one, all, RowCounts(size, 2)); });
    refused("all_to_all", counts, [&] { comm.all_to_all(all, {}, all, one); });
    refused("all_to_all", alike, [&] { comm.all_to_all(all, one, all.to(at::kHalf), one); });
    refused("broadcast", "a root inside the group", [&] { comm.broadcast(in, comm.size()); });
    refused("broadcast", "a root inside the group", [&] { comm.broadcast(in, -1); });
    refused("exchange", "peers inside the group", [&] {
      comm.exchange({{comm.size(), Message::Direction::send, in}});
    });
    refused("exchange", contiguous, [&] {
      comm.exchange({{0, Message::Direction::receive, at::zeros({4, 4}).t()}});
    });
    EXPECT_EQ(comm.agree(0), 0) << "works on after all this";
  });
}

TYPED_TEST_P(CommunicatorContract, NegativeRowCountsAreMisuse) {
  TypeParam::run([](Communicator& comm) {
    if (comm.size() == 1) return;  // one count is the tensor's own size
    RowCounts rows(comm.size(), 1);
    rows.back() = -1;
    const at::Tensor tensor = at::zeros({sum(rows), 2});
    EXPECT_THROW(comm.all_to_all(tensor, rows, tensor.clone(), rows), InternalError);
  });
}

REGISTER_TYPED_TEST_SUITE_P(CommunicatorContract, AllReduceSumsInPlace, SixteenBitSumsAccumulateInFp32,
                            AllRanksGetTheSameBits, AllGatherStacksTheRows,
                            ReduceScatterGivesTheOwnRowsOfTheSum, AllToAllSendsEveryPairItsRows,
                            BroadcastFromEveryRoot, MessagesOfAPairKeepTheirOrder,
                            SeveralVerbsAreUnderWayAtOnce, AgreeGivesTheLargestStatus,
                            SplitMakesGroupsOfColorsInOrderOfKeys, MisuseNamesTheVerb,
                            NegativeRowCountsAreMisuse);

}  // namespace ditmesh::testing

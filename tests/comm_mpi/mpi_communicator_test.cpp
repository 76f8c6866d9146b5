// What is special about MPI: deadlines, and the refusal of what it cannot carry.

#include "comm_mpi/mpi_communicator.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm_mpi/session.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using testing::session;
using ::testing::StrEq;
using ::testing::ThrowsMessage;

// The last rank sends only when rank 0 has given up waiting.
TEST(MpiCommunicator, WaitsEndAtTheDeadline) {
  if (session().size() == 1) GTEST_SKIP() << "needs a peer";
  const auto world = session().world();
  const auto impatient = MpiCommunicator::duplicate(MPI_COMM_WORLD, "impatient", std::chrono::seconds(1));
  const int last = session().size() - 1;
  const at::Tensor tensor = at::zeros({4});  // outlives the receive, which ends after all
  if (session().rank() == 0) {
    EXPECT_THAT(
        [&] {
          impatient->exchange({{last, Message::Direction::receive, tensor}}).wait();
        },
        ThrowsMessage<CommError>(StrEq(
            cat("exchange number 1 of group 'impatient', rank 0 of ", last + 1,
                ": no answer within 1 s: a peer is lost or stuck, see the messages of the other ranks"))));
  }
  world->agree(0);
  if (session().rank() == last) impatient->exchange({{0, Message::Direction::send, tensor}}).wait();
  world->agree(0);
}

// Computing ranks call progress(); a transfer then ends without a wait.
TEST(MpiCommunicator, ProgressLetsTransfersAdvance) {
  const auto world = session().world();
  const int64_t many = 1 << 18;  // 2 MiB: needs a handshake, is not sent ahead
  const at::Tensor out = at::empty({session().size() * many}, at::kLong);
  const at::Tensor in = at::arange(many, at::kLong) + session().rank();
  Work transfer = world->all_gather(out, in, RowCounts(session().size(), many));
  for (int tile = 0; tile < 100; ++tile) world->progress();
  transfer.wait();
  for (int rank = 0; rank < session().size(); ++rank) {
    EXPECT_TRUE(out.narrow(0, rank * many, many).equal(at::arange(many, at::kLong) + rank));
  }
}

TEST(MpiCommunicator, CarriesNeitherOtherDevicesNorEndlessRows) {
  const auto world = session().world();
  const at::Tensor elsewhere = at::empty({1}, at::TensorOptions(at::kFloat).device(at::kMeta));
  EXPECT_THAT(
      [&] {
        world->exchange({{0, Message::Direction::send, elsewhere}});
      },
      ThrowsMessage<InternalError>(HasSubstr("the MPI communicator carries CPU tensors only")));
  // No rows, so that no memory is needed.
  const at::Tensor row = at::empty({0, int64_t{1} << 29}, at::kLong);
  EXPECT_THAT([&] { world->all_gather(row, row, RowCounts(session().size(), 0)); },
              ThrowsMessage<InternalError>(HasSubstr("a row of 4.0 GiB is too long for MPI")));
}

}  // namespace
}  // namespace ditmesh

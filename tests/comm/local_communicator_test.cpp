#include "ditmesh/comm/local_communicator.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(LocalCommunicator, IsAGroupOfOne) {
  LocalCommunicator comm("alone");
  EXPECT_EQ(comm.rank(), 0);
  EXPECT_EQ(comm.size(), 1);
  EXPECT_EQ(comm.name(), "alone");
  const auto part = comm.split(3, 5, "part");
  EXPECT_EQ(part->size(), 1);
  EXPECT_EQ(part->name(), "part");
  EXPECT_EQ(comm.agree(4), 4);
}

TEST(LocalCommunicator, RefusesToReceiveWhatItDoesNotSend) {
  LocalCommunicator comm;
  EXPECT_THAT(
      [&] {
        comm.exchange({{0, Message::Direction::receive, at::zeros({1})}});
      },
      ThrowsMessage<InternalError>(HasSubstr("exchange number 1 of group 'local', rank 0 of 1 receives "
                                             "more than it sends itself")));
}

TEST(LocalCommunicator, CopiesSoThatInputAndOutputAreApart) {
  LocalCommunicator comm;
  const at::Tensor in = at::full({2, 2}, 5);
  const at::Tensor out = at::zeros({2, 2}, in.options());
  comm.all_to_all(out, {2}, in, {2}).wait();
  in.zero_();
  EXPECT_EQ(out.sum().item<int64_t>(), 20);
}

}  // namespace
}  // namespace ditmesh

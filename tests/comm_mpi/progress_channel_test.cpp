#include "ditmesh/comm_mpi/progress_channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "comm_mpi/session.hpp"

namespace ditmesh {
namespace {

using std::chrono::steady_clock;
using testing::session;

// Rank r reports (r + 1)·k and k for k = 1 … 50.
TEST(ProgressChannel, TotalsReachTheSums) {
  const auto world = session().world();
  ProgressChannel channel;
  const int64_t size = session().size();
  const ProgressChannel::Counts expected = {50 * size * (size + 1) / 2, 50 * size};
  ProgressChannel::Counts before{};
  const auto look = [&] {
    const ProgressChannel::Counts totals = channel.totals();
    for (size_t i = 0; i < totals.size(); ++i) {
      EXPECT_GE(totals[i], before[i]) << "counts only grow";
      EXPECT_LE(totals[i], expected[i]);
    }
    before = totals;
  };
  for (int64_t k = 1; k <= 50; ++k) {
    channel.report({(session().rank() + 1) * k, k});
    if (session().rank() == 0) look();
  }
  world->agree(0);
  // A report on its way may have kept out the last one: said again, as the program does.
  channel.report({(session().rank() + 1) * 50, 50});
  if (session().rank() == 0) {
    const auto end = steady_clock::now() + std::chrono::seconds(20);
    while (before != expected && steady_clock::now() < end) look();
    EXPECT_EQ(before, expected);
  }
  world->agree(0);
}

// While rank 0 computes in another thread.
TEST(ProgressChannel, TotalsAreReadByAThreadOfRank0) {
  const auto world = session().world();
  ProgressChannel channel;
  std::thread reader;
  if (session().rank() == 0) {
    reader = std::thread([&] {
      const auto end = steady_clock::now() + std::chrono::seconds(20);
      while (channel.totals()[0] != session().size() && steady_clock::now() < end) std::this_thread::yield();
      EXPECT_EQ(channel.totals()[0], session().size());
    });
  }
  channel.report({1, 0});
  world->agree(0);
  if (reader.joinable()) reader.join();
}

TEST(ProgressChannel, GoesWithMessagesUnread) {
  ProgressChannel channel;
  for (int64_t k = 1; k <= 3; ++k) channel.report({k, k});
}

}  // namespace
}  // namespace ditmesh

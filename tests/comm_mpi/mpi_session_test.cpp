#include "ditmesh/comm_mpi/mpi_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "comm_mpi/session.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using testing::session;

// Empty, with a zero byte, non-ASCII, and longer than any eager message.
std::vector<std::string> texts() {
  return {"", std::string("a\0b", 3), "Füße 犬 🐕 é", std::string(3'000'000, 'x') + "y"};
}

TEST(MpiSession, KnowsItsPlace) {
  EXPECT_GE(session().rank(), 0);
  EXPECT_LT(session().rank(), session().size());
  EXPECT_EQ(session().node_size(), session().size()) << "all ranks of the test are on this host";
  EXPECT_EQ(session().node_rank(), session().rank());
  EXPECT_FALSE(MpiSession::library_version().empty());
  EXPECT_FALSE(MpiSession::host_name().empty());
}

TEST(MpiSession, BroadcastGivesTheTextOfRank0) {
  for (const std::string& text : texts()) {
    const std::string mine = session().rank() == 0 ? text : cat("other text of rank ", session().rank());
    EXPECT_TRUE(session().broadcast(mine) == text) << text.substr(0, 20);
  }
}

TEST(MpiSession, AllGatherGivesEveryTextInOrder) {
  const auto choice = texts();
  for (size_t shift = 0; shift < choice.size(); ++shift) {
    const auto text_of = [&](int rank) {
      return choice[(static_cast<size_t>(rank) + shift) % choice.size()];
    };
    const auto all = session().all_gather(text_of(session().rank()));
    ASSERT_EQ(all.size(), static_cast<size_t>(session().size()));
    for (int rank = 0; rank < session().size(); ++rank) {
      EXPECT_TRUE(all[static_cast<size_t>(rank)] == text_of(rank)) << "rank " << rank;
    }
  }
}

TEST(MpiSession, GathersOneTextOfEachNode) {
  const int size = session().size();
  // All on one, each on its own, in blocks of two, in turns on two, the last alone.
  const std::vector<std::function<std::string(int)>> distributions = {
      [](int) { return "a"; }, [](int rank) { return cat("n", rank); },
      [](int rank) { return cat("n", rank / 2); }, [](int rank) { return cat("n", rank % 2); },
      [&](int rank) { return rank + 1 == size ? "z" : "a"; }};
  for (const auto& node_of : distributions) {
    std::vector<std::string> nodes;
    std::vector<std::string> expected;
    for (int rank = 0; rank < size; ++rank) {
      const std::string node = node_of(rank);
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
        expected.push_back(cat("rank ", rank, " é\n", std::string(static_cast<size_t>(rank) * 100'000, 'x')));
      nodes.push_back(node);
    }
    const int rank = session().rank();
    const auto found = session().gather_by_node(
        nodes, cat("rank ", rank, " é\n", std::string(static_cast<size_t>(rank) * 100'000, 'x')));
    if (rank == 0) {
      EXPECT_TRUE(found == expected) << found.size() << " texts for " << expected.size() << " nodes";
    } else {
      EXPECT_TRUE(found.empty());
    }
  }
}

TEST(MpiSession, GroupsAreNamedAfterTheirUse) {
  const auto world = session().world();
  EXPECT_EQ(world->name(), "world");
  EXPECT_EQ(world->rank(), session().rank());
  EXPECT_EQ(world->size(), session().size());
}

}  // namespace
}  // namespace ditmesh

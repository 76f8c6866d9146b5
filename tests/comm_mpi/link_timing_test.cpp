#include "ditmesh/comm_mpi/link_timing.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "comm_mpi/session.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using testing::session;

TEST(LinkTiming, GivesBothRanksOfAPairTheSame) {
  // Pairs 0-1, 2-3, … at the same time; the last of an odd number stands by.
  const int peer = session().rank() ^ 1;
  std::string mine;
  if (peer < session().size()) {
    const LinkTimes times = time_link(session(), peer);
    EXPECT_EQ(times.latency_s.size(), 100U);
    EXPECT_EQ(times.bytes_per_s.size(), 7U);
    EXPECT_GE(times.bytes, 64 << 10);
    EXPECT_LE(times.bytes, 64 << 20);
    EXPECT_GT(*std::min_element(times.latency_s.begin(), times.latency_s.end()), 0);
    const double fastest = *std::max_element(times.bytes_per_s.begin(), times.bytes_per_s.end());
    EXPECT_GT(fastest, 1e6);
    EXPECT_LT(fastest, 1e13) << "no memory moves 10 TB/s";
    mine = cat(times.bytes, " ", times.latency_s.front(), " ", times.bytes_per_s.back());
  }
  const auto all = session().all_gather(mine);
  if (peer < session().size()) {
    EXPECT_EQ(all[static_cast<size_t>(session().rank())], all[static_cast<size_t>(peer)]);
  }
}

TEST(LinkTiming, IsBetweenTwoRanks) { EXPECT_THROW(time_link(session(), session().rank()), InternalError); }

}  // namespace
}  // namespace ditmesh

#include "ditmesh/topology/typical_links.hpp"

#include <gtest/gtest.h>

namespace ditmesh {
namespace {

TEST(PcieLink, GivesWhatCopiesReach) {
  // GB/s that host-to-device copies are known to reach, within a tenth.
  const struct {
    double gigatransfers_per_s;
    int lanes;
    double gigabytes_per_s;
  } kTable[] = {{2.5, 1, 0.21}, {5, 16, 6.5}, {8, 16, 13},  {16, 16, 26},
                {16, 4, 6.6},   {32, 16, 54}, {64, 16, 102}};
  for (const auto& row : kTable) {
    const Link link = pcie_link(row.gigatransfers_per_s, row.lanes);
    EXPECT_NEAR(link.bytes_per_s / 1e9, row.gigabytes_per_s, row.gigabytes_per_s / 10)
        << row.gigatransfers_per_s << " x " << row.lanes;
    EXPECT_EQ(link.latency_s, 1e-6);
  }
}

TEST(PcieLink, IsNotKnownWithoutSpeedOrLanes) {
  EXPECT_EQ(pcie_link(0, 16), Link{});
  EXPECT_EQ(pcie_link(16, 0), Link{});
  EXPECT_EQ(pcie_link(-16, 16), Link{});
}

}  // namespace
}  // namespace ditmesh

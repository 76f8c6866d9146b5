#include "ditmesh/schedule/fluid_network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

namespace ditmesh {
namespace {

using Loads = std::vector<FluidNetwork::Load>;

TEST(FluidNetwork, TwoFlowsHalveALink) {
  FluidNetwork network({10});
  const Loads loads = {{0, 1}};
  const int first = network.start(0, loads, 100);
  EXPECT_DOUBLE_EQ(network.next_end(), 10);
  const int second = network.start(4, loads, 30);  // the first has 60 left
  EXPECT_DOUBLE_EQ(network.bytes_per_s(first), 5);
  EXPECT_DOUBLE_EQ(network.next_end(), 10);  // the second's 30 at 5
  EXPECT_EQ(network.end_next(), second);
  EXPECT_DOUBLE_EQ(network.next_end(), 13);  // 30 left at 10
  EXPECT_EQ(network.end_next(), first);
  EXPECT_EQ(network.next_end(), FluidNetwork::kNever);
}

// a crosses both links, b the narrow one, c the wide one.
TEST(FluidNetwork, WhatOneCannotUseTheOthersGet) {
  FluidNetwork network({4, 10});
  const Loads both = {{0, 1}, {1, 1}};
  const Loads narrow = {{0, 1}};
  const Loads wide = {{1, 1}};
  const int a = network.start(0, both, 1);
  const int b = network.start(0, narrow, 1);
  const int c = network.start(0, wide, 1);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(a), 2);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(b), 2);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(c), 8);
}

TEST(FluidNetwork, BundlesCountByTheirFlows) {
  FluidNetwork network({12});
  const Loads three = {{0, 3}};
  const Loads one = {{0, 1}};
  const int a = network.start(0, three, 1);
  const int b = network.start(0, one, 1);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(a), 3);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(b), 3);
}

TEST(FluidNetwork, FlowsKeepToTheirLimit) {
  FluidNetwork network({10});
  const Loads loads = {{0, 1}};
  const int a = network.start(0, loads, 1, 2);
  const int b = network.start(0, loads, 1);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(a), 2);
  EXPECT_DOUBLE_EQ(network.bytes_per_s(b), 8);
}

// Nothing is moved between ranks of one device.
TEST(FluidNetwork, WithoutLinksItIsOverAtOnce) {
  FluidNetwork network({});
  const Loads none;
  const int a = network.start(3, none, 100);
  EXPECT_DOUBLE_EQ(network.next_end(), 3);
  EXPECT_EQ(network.end_next(), a);
}

// What max-min fair means: no link carries more than it can, and every transfer has a link that is full and
// on which no other flow is faster, or it is at its limit.
TEST(FluidNetwork, SharesAreMaxMinFair) {
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    std::vector<double> capacities;
    for (int link = 0; link < 8; ++link) capacities.push_back(1 + static_cast<double>(random() % 20));
    FluidNetwork network(capacities);
    std::deque<Loads> loads;
    std::vector<double> limits;
    std::vector<int> transfers;
    // One after the other, so that rates are found again and again.
    for (int i = 0; i < 12; ++i) {
      loads.emplace_back();
      for (int link = 0; link < 8; ++link) {
        if (random() % 4 == 0) loads.back().push_back({link, 1 + static_cast<double>(random() % 3)});
      }
      if (loads.back().empty()) loads.back().push_back({i % 8, 1});
      limits.push_back(random() % 3 == 0 ? 0.5 + static_cast<double>(random() % 4) : 0);
      transfers.push_back(network.start(0, loads.back(), 1e6, limits.back()));
      network.next_end();
    }
    std::vector<double> carried(8);
    std::vector<double> fastest(8);
    for (size_t i = 0; i < transfers.size(); ++i) {
      const double rate = network.bytes_per_s(transfers[i]);
      for (const auto& load : loads[i]) {
        carried[static_cast<size_t>(load.link)] += rate * load.flows;
        fastest[static_cast<size_t>(load.link)] = std::max(fastest[static_cast<size_t>(load.link)], rate);
      }
    }
    for (size_t link = 0; link < 8; ++link) EXPECT_LE(carried[link], capacities[link] * (1 + 1e-6));
    for (size_t i = 0; i < transfers.size(); ++i) {
      const double rate = network.bytes_per_s(transfers[i]);
      const bool is_at_limit = limits[i] > 0 && rate >= limits[i] * (1 - 1e-6);
      const bool is_held = std::any_of(loads[i].begin(), loads[i].end(), [&](const auto& load) {
        const auto link = static_cast<size_t>(load.link);
        return carried[link] >= capacities[link] * (1 - 1e-6) && rate >= fastest[link] * (1 - 1e-6);
      });
      EXPECT_TRUE(is_at_limit || is_held) << "round " << round << ", transfer " << i;
    }
  }
}

// Whatever shares the links, all bytes are moved, and no sooner than one link can.
TEST(FluidNetwork, AFullLinkMovesAllBytesInTheirTime) {
  FluidNetwork network({7});
  const Loads loads = {{0, 1}};
  double bytes = 0;
  for (int i = 0; i < 50; ++i) {
    bytes += 10 + static_cast<double>(i);
    network.start(0, loads, 10 + static_cast<double>(i));
  }
  double end = 0;
  for (int i = 0; i < 50; ++i) {
    EXPECT_GE(network.next_end(), end);
    end = network.next_end();
    network.end_next();
  }
  EXPECT_NEAR(end, bytes / 7, 1e-9 * bytes);
}

}  // namespace
}  // namespace ditmesh

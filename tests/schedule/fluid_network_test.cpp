#include "ditmesh/schedule/fluid_network.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ditmesh

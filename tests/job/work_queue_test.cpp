#include "ditmesh/job/work_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ditmesh {
namespace {

using ::testing::ElementsAre;

// Units named by their first position.
WorkQueue queue_of(const std::vector<std::vector<double>>& costs_of_shards, size_t window,
                   std::vector<int64_t>* opened = nullptr) {
  std::vector<int64_t> shards(costs_of_shards.size());
  for (size_t i = 0; i < shards.size(); ++i) shards[i] = static_cast<int64_t>(i);
  return WorkQueue(
      shards,
      [=](int64_t shard) {
        if (opened != nullptr) opened->push_back(shard);
        std::vector<QueuedUnit> units;
        for (const double cost : costs_of_shards[static_cast<size_t>(shard)]) {
          units.push_back({shard, {static_cast<int64_t>(units.size())}, cost, false});
        }
        return units;
      },
      window);
}

std::vector<double> drain(WorkQueue& queue) {
  std::vector<double> costs;
  while (const auto unit = queue.next()) costs.push_back(unit->cost);
  return costs;
}

TEST(WorkQueue, CostliestFirstWithinTheWindow) {
  struct Case {
    std::vector<std::vector<double>> shards;
    size_t window;
    std::vector<double> order;
  };
  const Case cases[] = {
      {{{1, 9, 1, 9, 1}}, 3, {9, 9, 1, 1, 1}}, {{{1, 2, 3}}, 1, {1, 2, 3}}, {{{1, 2, 3}}, 100, {3, 2, 1}},
      {{{5}, {7}, {6}}, 2, {7, 6, 5}},         {{{}, {4}, {}}, 2, {4}},     {{}, 2, {}},
  };
  for (const Case& one : cases) {
    WorkQueue queue = queue_of(one.shards, one.window);
    EXPECT_EQ(drain(queue), one.order);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(WorkQueue, EqualUnitsGoInOrder) {
  WorkQueue queue = queue_of({{2, 2, 2, 2}}, 4);
  std::vector<int64_t> positions;
  while (const auto unit = queue.next()) positions.push_back(unit->positions.front());
  EXPECT_THAT(positions, ElementsAre(0, 1, 2, 3));
}

TEST(WorkQueue, ShardsAreOpenedWhenTheirTurnComes) {
  std::vector<int64_t> opened;
  WorkQueue queue = queue_of({{1, 1, 1, 1}, {1, 1}, {1}}, 2, &opened);
  EXPECT_THAT(opened, ElementsAre());
  queue.next();
  EXPECT_THAT(opened, ElementsAre(0));
  for (int i = 0; i < 3; ++i) queue.next();
  EXPECT_THAT(opened, ElementsAre(0, 1));
  drain(queue);
  EXPECT_THAT(opened, ElementsAre(0, 1, 2));
}

TEST(WorkQueue, WhatComesBackGoesFirst) {
  WorkQueue queue = queue_of({{9, 8}}, 2);
  queue.put_back({0, {77}, 0.5, true});
  ASSERT_NE(queue.top(), nullptr);
  EXPECT_TRUE(queue.top()->is_retry);
  EXPECT_THAT(drain(queue), ElementsAre(0.5, 9, 8));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/score/tally.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ditmesh {
namespace {

using ::testing::HasSubstr;

TEST(Share, WilsonInterval) {
  // By hand: n = 10, p = 0.9: middle (0.9 + 0.19207) / 1.38415, half width 1.95996 · √(0.009 + 0.0096037)
  // / 1.38415.
  const Interval most = Share{9, 10}.interval();
  EXPECT_NEAR(most.low, 0.5958, 1e-3);
  EXPECT_NEAR(most.high, 0.9821, 1e-3);
  const Interval all = Share{1000, 1000}.interval();
  EXPECT_NEAR(all.low, 0.99617, 1e-4);
  EXPECT_EQ(all.high, 1);
  EXPECT_EQ((Share{0, 20}.interval().low), 0);
  EXPECT_NEAR((Share{0, 20}.interval().high), 0.1611, 1e-3);
  EXPECT_EQ((Share{0, 0}.interval()), (Interval{0, 1}));
}

TEST(Share, AsTextAndJson) {
  EXPECT_EQ(to_text(Share{9, 10}), "90.0 % (9 of 10, 95 % interval 59.6 % to 98.2 %)");
  EXPECT_EQ(to_text(Share{}), "none to judge");
  EXPECT_EQ(to_json(Share{9, 10}).at("share"), 0.9);
  EXPECT_TRUE(to_json(Share{}).at("share").is_null());
}

TEST(Tally, CountsAspectsOnlyWhereTheyAreTold) {
  const Caption plain = read_caption("a red circle").caption.value();
  const Caption rich =
      read_caption("a small red circle left of a blue square on a white background").caption.value();
  EXPECT_FALSE(tells(plain, Aspect::sizes));
  EXPECT_FALSE(tells(plain, Aspect::order));
  EXPECT_FALSE(tells(plain, Aspect::background));
  EXPECT_TRUE(tells(plain, Aspect::palette));
  EXPECT_TRUE(tells(read_caption("a red circle at the top").caption.value(), Aspect::order));

  Judgement right;
  right.holds.fill(true);
  Judgement wrong = right;
  wrong.holds.at(static_cast<size_t>(Aspect::sizes)) = false;
  Tally tally;
  tally.add(plain, right);
  tally.add(rich, wrong);
  tally.add(rich, right);
  EXPECT_EQ(tally.right, (Share{2, 3}));
  EXPECT_EQ(tally.of(Aspect::sizes), (Share{1, 2}));
  EXPECT_EQ(tally.of(Aspect::shapes), (Share{3, 3}));
  EXPECT_EQ(tally.of(Aspect::background), (Share{2, 2}));
  EXPECT_EQ(tally.by_objects.at(1), (Share{1, 1}));
  EXPECT_EQ(tally.by_objects.at(2), (Share{1, 2}));

  tally.not_understood = 4;
  const OrderedJson json = to_json(tally);
  EXPECT_EQ(json.at("right").at("hits"), 2);
  EXPECT_EQ(json.at("aspects").at("sizes").at("total"), 2);
  EXPECT_EQ(json.at("by_objects").at("2").at("share"), 0.5);
  EXPECT_EQ(json.at("not_understood"), 4);
  EXPECT_THAT(to_text(tally), HasSubstr("right: 66.7 % (2 of 3"));
  EXPECT_THAT(to_text(tally), HasSubstr("  2 objects: 50.0 %"));
  EXPECT_THAT(to_text(tally), HasSubstr("captions not understood: 4"));
}

}  // namespace
}  // namespace ditmesh

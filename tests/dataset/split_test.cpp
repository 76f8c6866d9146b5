#include "ditmesh/dataset/split.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

TEST(Splits, AreNoneUnlessGiven) {
  EXPECT_TRUE(Splits().empty());
  EXPECT_EQ(Splits().of("cat"), 0U);
  EXPECT_EQ(Splits().text(), "");
}

TEST(Splits, DoNotDependOnTheOrderTheyAreGivenIn) {
  const Splits one = Splits::parse("train=0.9,test=0.1");
  const Splits other = Splits::parse(" test = 0.1, train = 0.9");
  EXPECT_THAT(one.names(), ElementsAre("test", "train"));
  EXPECT_EQ(one.text(), "test=0.1,train=0.9");
  EXPECT_EQ(other.text(), one.text());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(one.of(cat(i)), other.of(cat(i)));
}

// SHA-256 of "0" begins 5feceb66 (0.3747 of 1), of "1" 6b86b273 (0.4200), of "2" d4735e3a (0.8299).
TEST(Splits, FollowTheHashOfTheId) {
  const Splits splits = Splits::parse("a=0.4,b=0.6");
  EXPECT_EQ(splits.of("0"), 0U);
  EXPECT_EQ(splits.of("1"), 1U);
  EXPECT_EQ(splits.of("2"), 1U);
  EXPECT_EQ(Splits::parse("only=1").of("2"), 0U);
}

TEST(Splits, GetTheirShares) {
  const Splits splits = Splits::parse("a=0.5,b=0.3,c=0.2");
  std::vector<int> counts(3);
  for (int i = 0; i < 100'000; ++i) ++counts[splits.of(cat("row ", i))];
  EXPECT_NEAR(counts[0], 50'000, 600);
  EXPECT_NEAR(counts[1], 30'000, 600);
  EXPECT_NEAR(counts[2], 20'000, 600);
}

TEST(Splits, GrowWithoutSamplesGoingBack) {
  const Splits small = Splits::parse("a=0.1,b=0.9");
  const Splits large = Splits::parse("a=0.2,b=0.8");
  for (int i = 0; i < 1000; ++i) {
    if (small.of(cat(i)) == 0) {
      EXPECT_EQ(large.of(cat(i)), 0U);
    }
  }
}

TEST(Splits, RefuseWhatCannotWork) {
  const auto error = [](const char* text) { return error_of<ConfigError>([&] { Splits::parse(text); }); };
  EXPECT_THAT(error(""), HasSubstr("found '' in ''"));
  EXPECT_THAT(error("train"), HasSubstr("the share of train must be a number above 0, found ''"));
  EXPECT_THAT(error("train=1,"), HasSubstr("found '' in ''"));
  EXPECT_THAT(error("train=0.5,test=0.6"), HasSubstr("must make 1 together"));
  EXPECT_THAT(error("train=0.5,test=0.49999"), HasSubstr("makes 0.99999"));
  EXPECT_THAT(error("train=1.5,test=-0.5"),
              HasSubstr("the share of test must be a number above 0, found '-0.5'"));
  EXPECT_THAT(error("train=nan"), HasSubstr("found 'nan'"));
  EXPECT_THAT(error("train=0.5,train=0.5"), HasSubstr("train stands there twice"));
  for (const char* name : {"../x=1", "a/b=1", ".=1", "=1", "-a=1", "ä=1"})
    EXPECT_THAT(error(name), HasSubstr("letters, digits, '_' and '-'")) << name;
  EXPECT_THAT(error((std::string(65, 'a') + "=1").c_str()), HasSubstr("1 to 64 letters"));
  EXPECT_EQ(error("a=0.3333333333,b=0.3333333333,c=0.3333333334"), "no error");
}

}  // namespace
}  // namespace ditmesh

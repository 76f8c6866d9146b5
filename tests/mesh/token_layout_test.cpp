#include "ditmesh/mesh/token_layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace ditmesh {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::vector<int64_t> positions(const std::vector<Range>& ranges) {
  std::vector<int64_t> all;
  for (const Range& range : ranges) {
    for (int64_t position = range.begin; position < range.end; ++position) all.push_back(position);
  }
  return all;
}

// Joint positions of the rows that a rank holds.
std::vector<int64_t> rows_held(const TokenLayout& layout) {
  return positions({layout.text_held,
                    {layout.num_text + layout.image_held.begin, layout.num_text + layout.image_held.end}});
}

// The table of token_layout.hpp: 4 text and 6 image tokens, sequence 2, tensor 2.
TEST(TokenLayout, OfTheExample) {
  const auto layout = [](int sequence, int tensor) {
    return TokenLayout::sharded(4, 6, 2, sequence, 2, tensor);
  };
  EXPECT_EQ(layout(0, 0).text_held, (Range{0, 1}));
  EXPECT_EQ(layout(1, 1).text_held, (Range{3, 4}));
  EXPECT_EQ(layout(0, 1).image_held, (Range{2, 4}));
  EXPECT_THAT(rows_held(layout(0, 0)), ElementsAre(0, 4, 5));
  EXPECT_THAT(rows_held(layout(0, 1)), ElementsAre(1, 6, 7));
  EXPECT_THAT(rows_held(layout(1, 0)), ElementsAre(2, 8));
  EXPECT_THAT(rows_held(layout(1, 1)), ElementsAre(3, 9));
  for (const int tensor : {0, 1}) {
    EXPECT_THAT(positions(layout(0, tensor).joint.gathered), ElementsAre(0, 4, 5, 1, 6, 7));
    EXPECT_THAT(positions(layout(1, tensor).joint.gathered), ElementsAre(2, 8, 3, 9));
    EXPECT_THAT(positions(layout(0, tensor).text.gathered), ElementsAre(0, 1));
    EXPECT_THAT(positions(layout(0, tensor).image.gathered), ElementsAre(4, 5, 6, 7));
    EXPECT_THAT(layout(0, tensor).joint.counts, ElementsAre(3, 3));
    EXPECT_THAT(layout(1, tensor).joint.counts, ElementsAre(2, 2));
    EXPECT_THAT(layout(0, tensor).sequence_counts, ElementsAre(6, 4));
    EXPECT_THAT(layout(0, tensor).image_counts, ElementsAre(2, 2, 1, 1));
  }
}

TEST(TokenLayout, WholeHoldsEverything) {
  const TokenLayout layout = TokenLayout::whole(3, 5);
  EXPECT_EQ(layout.num_held(), 8);
  EXPECT_THAT(rows_held(layout), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(positions(layout.joint.gathered), rows_held(layout));
  EXPECT_THAT(layout.sequence_counts, ElementsAre(8));
  EXPECT_THAT(layout.image_counts, ElementsAre(5));
}

struct Sharding {
  int sequence;
  int tensor;
};

std::ostream& operator<<(std::ostream& out, const Sharding& sharding) {
  return out << sharding.sequence << 'x' << sharding.tensor;
}

class Shards : public ::testing::TestWithParam<Sharding> {
 protected:
  // Token counts: primes, powers of two, fewer than ranks, none of a kind.
  static std::vector<std::pair<int64_t, int64_t>> counts() {
    return {{512, 4096}, {512, 4056}, {13, 101}, {7, 5}, {0, 17}, {19, 0}, {1, 1}, {3, 64}, {256, 1024}};
  }
  template <typename Check>
  static void for_each_rank(int64_t num_text, int64_t num_image, Check check) {
    const auto [sequence, tensor] = GetParam();
    for (int s = 0; s < sequence; ++s) {
      for (int t = 0; t < tensor; ++t) {
        check(TokenLayout::sharded(num_text, num_image, sequence, s, tensor, t), s, t);
      }
    }
  }
};

TEST_P(Shards, TileTextAndImageTokensOnce) {
  for (const auto& [num_text, num_image] : counts()) {
    std::vector<int> times(static_cast<size_t>(num_text + num_image));
    for_each_rank(num_text, num_image, [&](const TokenLayout& layout, int, int) {
      const auto rows = rows_held(layout);
      EXPECT_EQ(layout.num_held(), static_cast<int64_t>(rows.size()));
      for (const int64_t row : rows) ++times[static_cast<size_t>(row)];
    });
    EXPECT_THAT(times, Each(1)) << num_text << " + " << num_image;
  }
}

TEST_P(Shards, BalanceEachKindToOneToken) {
  for (const auto& [num_text, num_image] : counts()) {
    const int64_t parts = int64_t{GetParam().sequence} * GetParam().tensor;
    const int64_t text = num_text / parts;
    const int64_t image = num_image / parts;
    for_each_rank(num_text, num_image, [&](const TokenLayout& layout, int, int) {
      EXPECT_THAT(layout.text_held.size(), ::testing::AnyOf(text, text + 1));
      EXPECT_THAT(layout.image_held.size(), ::testing::AnyOf(image, image + 1));
    });
  }
}

// What a rank expects of its peers is what they hold, in the order of the gather.
TEST_P(Shards, AgreeWithEachOther) {
  for (const auto& [num_text, num_image] : counts()) {
    std::map<std::pair<int, int>, TokenLayout> all;
    for_each_rank(num_text, num_image,
                  [&](const TokenLayout& layout, int s, int t) { all.emplace(std::pair(s, t), layout); });
    for (const auto& [place, layout] : all) {
      std::vector<int64_t> joint;
      std::vector<int64_t> counts_joint;
      std::vector<int64_t> counts_text;
      std::vector<int64_t> counts_image;
      for (int t = 0; t < GetParam().tensor; ++t) {
        const TokenLayout& peer = all.at({place.first, t});
        const auto rows = rows_held(peer);
        joint.insert(joint.end(), rows.begin(), rows.end());
        counts_joint.push_back(peer.num_held());
        counts_text.push_back(peer.text_held.size());
        counts_image.push_back(peer.image_held.size());
      }
      EXPECT_EQ(positions(layout.joint.gathered), joint);
      EXPECT_EQ(layout.joint.counts, counts_joint);
      EXPECT_EQ(layout.text.counts, counts_text);
      EXPECT_EQ(layout.image.counts, counts_image);
      EXPECT_EQ(layout.joint.gathered_size(), static_cast<int64_t>(joint.size()));

      std::vector<int64_t> sequence;
      std::vector<int64_t> image;
      for (int s = 0; s < GetParam().sequence; ++s) {
        sequence.push_back(all.at({s, 0}).joint.gathered_size());
        for (int t = 0; t < GetParam().tensor; ++t) image.push_back(all.at({s, t}).image_held.size());
      }
      EXPECT_EQ(layout.sequence_counts, sequence);
      EXPECT_EQ(layout.image_counts, image);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Shards,
                         ::testing::Values(Sharding{1, 1}, Sharding{2, 1}, Sharding{1, 2}, Sharding{3, 2},
                                           Sharding{2, 3}, Sharding{5, 1}, Sharding{1, 7}, Sharding{7, 5},
                                           Sharding{8, 8}, Sharding{13, 3}));

// Ulysses is the faster part of the sequence rank; other axes do not touch the tokens.
TEST(TokenLayout, OnAMesh) {
  const Mesh mesh = Mesh::parse("tensor=2,ulysses=3,ring=2,pipeline=2,cfg=2,data=2", 96);
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const PerAxis place = mesh.coordinate(rank);
    EXPECT_EQ(TokenLayout::on_mesh(29, 113, mesh, place),
              TokenLayout::sharded(29, 113, 6, place[Axis::ulysses] + 3 * place[Axis::ring], 2,
                                   place[Axis::tensor]));
  }
}

}  // namespace
}  // namespace ditmesh

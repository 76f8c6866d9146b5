#include "ditmesh/mesh/mesh.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::StrEq;
using ::testing::ThrowsMessage;

struct Parsed {
  const char* text;
  int num_ranks;
  std::array<int, 6> degrees;  // tensor, ulysses, ring, pipeline, cfg, data
  const char* printed;
};

std::ostream& operator<<(std::ostream& out, const Parsed& parsed) { return out << parsed.text; }

class MeshTexts : public ::testing::TestWithParam<Parsed> {};

TEST_P(MeshTexts, AreParsedAndPrinted) {
  const Parsed& given = GetParam();
  const Mesh mesh = Mesh::parse(given.text, given.num_ranks);
  for (const Axis axis : kAxes) {
    EXPECT_EQ(mesh.degree(axis), given.degrees[static_cast<size_t>(axis)]) << axis_name(axis);
  }
  EXPECT_EQ(mesh.size(), given.num_ranks);
  EXPECT_EQ(mesh.inner_size() * mesh.degree(Axis::data), given.num_ranks);
  EXPECT_EQ(mesh.to_string(), given.printed);
  EXPECT_EQ(Mesh::parse(mesh.to_string(), given.num_ranks), mesh);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MeshTexts,
    ::testing::Values(Parsed{"data=1", 1, {1, 1, 1, 1, 1, 1}, "data=1"},
                      Parsed{"data=4", 4, {1, 1, 1, 1, 1, 4}, "data=4"},
                      Parsed{"ulysses=2", 6, {1, 2, 1, 1, 1, 3}, "ulysses=2,data=3"},
                      Parsed{"tensor=7", 7, {7, 1, 1, 1, 1, 1}, "tensor=7"},
                      Parsed{"data=2,cfg=2,tensor=3", 12, {3, 1, 1, 1, 2, 2}, "tensor=3,cfg=2,data=2"},
                      Parsed{" ring = 2 , pipeline=5", 20, {1, 1, 2, 5, 1, 2}, "ring=2,pipeline=5,data=2"},
                      Parsed{"tensor=8,ulysses=4,ring=2,pipeline=4,cfg=2,data=8",
                             4096,
                             {8, 4, 2, 4, 2, 8},
                             "tensor=8,ulysses=4,ring=2,pipeline=4,cfg=2,data=8"}));

struct Refused {
  const char* text;
  int num_ranks;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.text; }

class WrongMeshTexts : public ::testing::TestWithParam<Refused> {};

TEST_P(WrongMeshTexts, SayRuleAndRemedy) {
  EXPECT_THAT([] { Mesh::parse(GetParam().text, GetParam().num_ranks); },
              ThrowsMessage<ConfigError>(StrEq(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongMeshTexts,
    ::testing::Values(
        Refused{
            "", 4,
            "mesh '' must be AXIS=DEGREE[,…] with degrees of 1 to 4 (the ranks of this job), found '': for "
            "example --mesh ulysses=2,data=2, or --mesh auto"},
        Refused{
            "ulysses", 4,
            "mesh 'ulysses' must be AXIS=DEGREE[,…] with degrees of 1 to 4 (the ranks of this job), found "
            "'ulysses': for example --mesh ulysses=2,data=2, or --mesh auto"},
        Refused{
            "data=2,ring=0", 2,
            "mesh 'data=2,ring=0' must be AXIS=DEGREE[,…] with degrees of 1 to 2 (the ranks of this job), "
            "found 'ring=0': for example --mesh ulysses=2,data=2, or --mesh auto"},
        Refused{
            "ring=-2", 2,
            "mesh 'ring=-2' must be AXIS=DEGREE[,…] with degrees of 1 to 2 (the ranks of this job), found "
            "'ring=-2': for example --mesh ulysses=2,data=2, or --mesh auto"},
        Refused{
            "ring=2x", 2,
            "mesh 'ring=2x' must be AXIS=DEGREE[,…] with degrees of 1 to 2 (the ranks of this job), found "
            "'ring=2x': for example --mesh ulysses=2,data=2, or --mesh auto"},
        // More than the ranks: the product could not overflow an int.
        Refused{
            "ring=2147483647,tensor=2147483647", 8,
            "mesh 'ring=2147483647,tensor=2147483647' must be AXIS=DEGREE[,…] with degrees of 1 to 8 (the "
            "ranks of this job), found 'ring=2147483647': for example --mesh ulysses=2,data=2, or --mesh "
            "auto"},
        Refused{
            "ulises=2", 2,
            "mesh axis 'ulises' is unknown (did you mean 'ulysses'?): the axes are tensor, ulysses, ring, "
            "pipeline, cfg, data"},
        Refused{"sequence=2", 2,
                "mesh axis 'sequence' is unknown: the axes are tensor, ulysses, ring, pipeline, cfg, data"},
        Refused{"ring=2,ring=2", 4, "mesh 'ring=2,ring=2' names the axis ring twice"},
        Refused{"ring=2,data=2", 6,
                "mesh 'ring=2,data=2' multiplies to 4 ranks, the job has 6: start it with mpirun -n 4, or "
                "change a degree"},
        Refused{"ring=4", 6,
                "mesh 'ring=4' multiplies to 4 ranks, the job has 6: start it with mpirun -n 4, or change a "
                "degree"}));

TEST(Mesh, RefusesProductsThatDoNotFitAnInt) {
  // 65536² is 2³²: it must not wrap around to 0.
  EXPECT_THAT(
      [] { Mesh::parse("tensor=65536,ulysses=65536", 65536); },
      ThrowsMessage<ConfigError>(StrEq("mesh 'tensor=65536,ulysses=65536' multiplies to billions of ranks, "
                                       "the job has 65536: lower the degrees")));
}

// The table of mesh.hpp.
TEST(Mesh, CoordinatesOfTheExample) {
  const Mesh mesh = Mesh::parse("tensor=2,pipeline=2,data=2", 8);
  std::vector<int> tensor;
  std::vector<int> pipeline;
  std::vector<int> data;
  for (int rank = 0; rank < 8; ++rank) {
    tensor.push_back(mesh.coordinate(rank)[Axis::tensor]);
    pipeline.push_back(mesh.coordinate(rank)[Axis::pipeline]);
    data.push_back(mesh.coordinate(rank)[Axis::data]);
  }
  EXPECT_THAT(tensor, ElementsAre(0, 1, 0, 1, 0, 1, 0, 1));
  EXPECT_THAT(pipeline, ElementsAre(0, 0, 1, 1, 0, 0, 1, 1));
  EXPECT_THAT(data, ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
  EXPECT_THAT(mesh.group(3, Axis::tensor), ElementsAre(2, 3));
  EXPECT_THAT(mesh.group(3, Axis::pipeline), ElementsAre(1, 3));
  EXPECT_THAT(mesh.group(3, Axis::data), ElementsAre(3, 7));
  EXPECT_THAT(mesh.group(3, Axis::ring), ElementsAre(3));
}

class LargeMeshes : public ::testing::TestWithParam<std::array<int, 6>> {
 protected:
  LargeMeshes() {
    for (const Axis axis : kAxes) mesh = mesh.with(axis, GetParam()[static_cast<size_t>(axis)]);
  }
  Mesh mesh;
};

TEST_P(LargeMeshes, CoordinatesAreABijection) {
  std::set<std::array<int, 6>> seen;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const PerAxis place = mesh.coordinate(rank);
    EXPECT_EQ(mesh.rank(place), rank);
    std::array<int, 6> key{};
    for (const Axis axis : kAxes) {
      ASSERT_GE(place[axis], 0);
      ASSERT_LT(place[axis], mesh.degree(axis));
      key[static_cast<size_t>(axis)] = place[axis];
    }
    seen.insert(key);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(mesh.size()));
}

// Along every axis the groups cut the ranks into runs of equal length, each rank
// at the place its coordinate says.
TEST_P(LargeMeshes, GroupsTileTheRanks) {
  for (const Axis axis : kAxes) {
    std::set<std::vector<int>> groups;
    for (int rank = 0; rank < mesh.size(); ++rank) {
      const std::vector<int> group = mesh.group(rank, axis);
      ASSERT_EQ(group[static_cast<size_t>(mesh.coordinate(rank)[axis])], rank) << axis_name(axis);
      groups.insert(group);
    }
    std::set<int> members;
    for (const auto& group : groups) {
      EXPECT_EQ(group.size(), static_cast<size_t>(mesh.degree(axis)));
      members.insert(group.begin(), group.end());
    }
    EXPECT_EQ(groups.size() * static_cast<size_t>(mesh.degree(axis)), static_cast<size_t>(mesh.size()));
    EXPECT_EQ(members.size(), static_cast<size_t>(mesh.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, LargeMeshes,
                         ::testing::Values(std::array{1, 1, 1, 1, 1, 1}, std::array{1, 1, 1, 1, 1, 4099},
                                           std::array{8, 4, 2, 4, 2, 8}, std::array{3, 5, 7, 2, 2, 11},
                                           std::array{7, 1, 13, 1, 2, 17}));

}  // namespace
}  // namespace ditmesh

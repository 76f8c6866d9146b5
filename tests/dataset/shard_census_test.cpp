#include "ditmesh/dataset/shard_census.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

JobRecord record_of(const Part& part, const std::vector<std::string>& shards) {
  JobRecord record;
  record.part = part;
  for (const std::string& name : shards) record.shards.push_back({name, 1});
  return record;
}

TEST(ShardCensus, ComparesFilesWithJobFiles) {
  const ShardCensus census = take_census("none", {record_of({}, {"c", "a", "b"})}, {"a", "x"});
  EXPECT_TRUE(census.is_known);
  EXPECT_FALSE(census.is_complete());
  EXPECT_THAT(census.missing, ElementsAre("b", "c"));
  EXPECT_THAT(census.foreign, ElementsAre("x"));
  EXPECT_THAT(absences(census), ElementsAre("2 shards of the job are not there: b, c"));
  EXPECT_TRUE(take_census("none", {record_of({}, {"b", "a"})}, {"a", "b"}).is_complete());
}

TEST(ShardCensus, KnowsNothingWithoutJobFiles) {
  const ShardCensus census = take_census("none", {}, {"a"});
  EXPECT_FALSE(census.is_known);
  EXPECT_FALSE(census.is_complete());
  EXPECT_THAT(census.foreign, IsEmpty());
  EXPECT_THAT(absences(census), IsEmpty());
}

TEST(ShardCensus, JoinsParts) {
  const std::vector<JobRecord> two = {record_of({0, 3}, {"a"}), record_of({2, 3}, {"c"})};
  const ShardCensus census = take_census("none", two, {"a", "b"});
  EXPECT_THAT(census.missing_parts, ElementsAre(Part{1, 3}));
  EXPECT_THAT(census.missing, ElementsAre("c"));
  EXPECT_THAT(census.foreign, IsEmpty()) << "b may be of the part that is not known";
  EXPECT_THAT(absences(census),
              ElementsAre("1 part of the job never began: part 1/3", "1 shard of the job is not there: c"));
  auto all = two;
  all.push_back(record_of({1, 3}, {"b"}));
  EXPECT_TRUE(take_census("none", all, {"a", "b", "c"}).is_complete());
}

TEST(ShardCensus, NamesTheFirstOfMany) {
  std::vector<std::string> names;
  for (int i = 100; i < 125; ++i) names.push_back(std::to_string(i));
  EXPECT_THAT(
      absences(take_census("none", {record_of({}, names)}, {})),
      ElementsAre(
          "25 shards of the job are not there: 100, 101, 102, 103, 104, 105, 106, 107, 108, 109 and 15 "
          "more"));
}

TEST(ShardCensus, RemovesTemporaryFilesButNoJournal) {
  const TemporaryFolder folder;
  const std::string journal = "journal/16x24-000000.replica-0.attempt-1";
  for (const std::string& name : {std::string("dataset.h5.tmp"), std::string("shards/a.h5.attempt-1.tmp"),
                                  std::string("journal/samples.attempt-1"), journal}) {
    std::filesystem::create_directories((folder.path() / name).parent_path());
    folder.write(name, "x");
  }
  remove_temporary_files(folder.path(), take_census(folder.path()));
  EXPECT_THAT(take_census(folder.path()).leftover, ElementsAre(journal));
}

TEST(ShardCensus, ListsWhatWasLeftOver) {
  const TemporaryFolder folder;
  for (const char* name :
       {"journal/a.replica-0.attempt-1", "shards/a.h5", "shards/b.h5.tmp", "dataset.h5.tmp"})
    folder.write(name, "");
  EXPECT_THAT(take_census(folder.path()).leftover,
              ElementsAre("dataset.h5.tmp", "journal/a.replica-0.attempt-1", "shards/b.h5.tmp"));
}

}  // namespace
}  // namespace ditmesh

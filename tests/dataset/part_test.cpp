#include "ditmesh/dataset/part.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

TEST(Part, IsReadFromTheOption) {
  EXPECT_EQ(Part::parse("2/8"), (Part{2, 8}));
  EXPECT_EQ(Part::parse("0/1"), Part{});
  EXPECT_TRUE(Part::parse("0/1").is_whole());
  for (const char* text : {"", "1", "1/", "/2", "2/2", "-1/2", "1/0", "1/2/3", "a/b", "1.0/2"}) {
    EXPECT_THAT(
        error_of<ConfigError>([&] { Part::parse(text); }),
        AllOf(HasSubstr(cat("--part ", text, " is not I/N with 0 <= I < N")), HasSubstr("--part 0/8")))
        << text;
  }
}

TEST(Part, NamesItsFiles) {
  EXPECT_EQ(Part{}.file_name(".json"), "job.json");
  EXPECT_EQ((Part{2, 8}.file_name(".lock")), "job.part-2-of-8.lock");
  EXPECT_EQ(Part::of_file_name("job.json", ".json"), Part{});
  EXPECT_EQ(Part::of_file_name("job.part-2-of-8.json", ".json"), (Part{2, 8}));
  for (const char* name :
       {"job.lock", "job.part-2-of-8.lock", "job.part-8-of-8.json", "job.part--1-of-8.json",
        "job.part-0-of-1.json", "job.part-2.json", "ajob.json", "job.part-2-of-8.json.tmp"}) {
    EXPECT_FALSE(Part::of_file_name(name, ".json").has_value()) << name;
  }
}

TEST(Part, FindsTheOthersInAFolder) {
  const TemporaryFolder folder;
  for (const char* name :
       {"job.part-10-of-12.json", "job.part-2-of-12.json", "job.part-3-of-12.lock", "x.json"})
    folder.write(name, "");
  EXPECT_THAT(parts_with_file(folder.path(), ".json"), ElementsAre(Part{2, 12}, Part{10, 12}));
  EXPECT_TRUE(parts_with_file(folder.path() / "none", ".json").empty());
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/export.hpp"

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/png.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::done_record;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Job;
using testing::TemporaryFolder;

struct NameCase {
  std::string id;
  std::string name;
};

class FileNames : public ::testing::TestWithParam<NameCase> {};

TEST_P(FileNames, OfIds) { EXPECT_EQ(file_name_of_id(GetParam().id), GetParam().name); }

INSTANTIATE_TEST_SUITE_P(Table, FileNames,
                         ::testing::Values(NameCase{"cat-1_a.b", "cat-1_a.b"}, NameCase{"a/b", "a%2Fb"},
                                           NameCase{"..", "%2E."}, NameCase{"forêt", "for%C3%AAt"},
                                           NameCase{"50%", "50%25"}, NameCase{"a b", "a%20b"},
                                           NameCase{"~", "%7E"}));

TEST(FileNames, OfLongIdsAreCutAndStayDifferent) {
  const std::string a = file_name_of_id(std::string(255, '/') + "a");
  const std::string b = file_name_of_id(std::string(255, '/') + "b");
  EXPECT_EQ(a.size(), 200U);
  EXPECT_NE(a, b);
}

std::vector<OrderedJson> json_lines(const std::filesystem::path& path) {
  std::vector<OrderedJson> lines;
  for (const std::string& line : split(read_file(path), '\n')) {
    if (!line.empty()) lines.push_back(OrderedJson::parse(line));
  }
  return lines;
}

Manifest two_rows() {
  Manifest manifest = manifest_from_prompts({"une forêt", "a dog"});
  manifest.rows[0].id = "a/b";
  manifest.rows[0].seed = 5;
  manifest.further_columns = {"style", "file_name"};
  manifest.rows[0].further = {"oil", "old.png"};
  return manifest;
}

TEST(ExportPng, WritesAnImageFolder) {
  const TemporaryFolder folder;
  const TemporaryFolder to;
  const Job job(two_rows(), testing::small_pictures(), {});
  JournalWriter(journal_path(folder.path(), "16x24-000000", 0, 0))
      .append(done_record(job.sample_at(0, 0), 0));
  job.write(folder.path(), 0);
  write_index(folder.path());
  const Dataset dataset(folder.path());
  const ExportResult result = export_png(dataset, to.path() / "out");
  EXPECT_EQ(result.num_written, 1);
  EXPECT_EQ(result.num_skipped, 1);
  EXPECT_EQ(decode_png(read_file(to.path() / "out/images/a%2Fb.png"), "a"), dataset.pixels(0));
  const auto lines = json_lines(to.path() / "out/metadata.jsonl");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["file_name"], "images/a%2Fb.png");
  EXPECT_EQ(lines[0]["text"], "une forêt");
  EXPECT_EQ(lines[0]["id"], "a/b");
  EXPECT_EQ(lines[0]["seed"], 5);
  EXPECT_EQ(lines[0]["height"], 16);
  EXPECT_EQ(lines[0]["style"], "oil");
  EXPECT_EQ(lines[0]["file_name_in_manifest"], "old.png");
  EXPECT_EQ(lines[0]["sha256"], dataset.row(0).sha256);
}

TEST(ExportPng, NamesCopiesWhereThereAreSeveral) {
  const TemporaryFolder folder;
  const TemporaryFolder to;
  SamplingDefaults defaults = testing::small_pictures();
  defaults.images_per_prompt = 2;
  Job(two_rows(), defaults, {}).write_all(folder.path());
  std::vector<int64_t> progress;
  export_png(Dataset(folder.path()), to.path(), [&](int64_t written) { progress.push_back(written); });
  EXPECT_THAT(progress, ElementsAre(1, 2, 3, 4));
  for (const char* name : {"a%2Fb-0.png", "a%2Fb-1.png", "1-0.png", "1-1.png"}) {
    EXPECT_TRUE(std::filesystem::exists(to.path() / "images" / name)) << name;
  }
}

TEST(ExportPng, DoesNotMixWithWhatIsThere) {
  const TemporaryFolder folder;
  const TemporaryFolder to;
  Job(two_rows(), testing::small_pictures(), {}).write_all(folder.path());
  const std::string file = to.write("file", "x");
  EXPECT_THAT(error_of<ConfigError>([&] { export_png(Dataset(folder.path()), to.path()); }),
              HasSubstr("is not empty"));
  EXPECT_THAT(error_of<ConfigError>([&] { export_png(Dataset(folder.path()), file); }),
              HasSubstr("is a file"));
}

TEST(ExportPng, WritesEncodedPicturesAsTheyAreNow) {
  for (const char* format : {"png", "webp", "jpeg:80"}) {
    const TemporaryFolder folder;
    const TemporaryFolder to;
    Job(two_rows(), testing::small_pictures(), {}).write_all(folder.path(), {}, ImageFormat::parse(format));
    const Dataset dataset(folder.path());
    EXPECT_EQ(export_png(dataset, to.path() / "png").num_written, 2);
    const std::string name = cat(file_name_of_id(dataset.row(0).sample.id), ".png");
    EXPECT_EQ(decode_png(read_file(to.path() / "png/images" / name), name), dataset.pixels(0)) << format;
    EXPECT_EQ(export_contact_sheet(dataset, to.path() / "sheet.png").num_shown, 2);
  }
}

TEST(ExportContactSheet, WritesOnePicture) {
  const TemporaryFolder folder;
  const TemporaryFolder to;
  Job(two_rows(), testing::small_pictures(), {}).write_all(folder.path());
  const ContactSheet sheet = export_contact_sheet(Dataset(folder.path()), to.path() / "sheet.png");
  EXPECT_EQ(sheet.num_shown, 2);
  EXPECT_EQ(decode_png(read_file(to.path() / "sheet.png"), "sheet"), sheet.image);
  EXPECT_THAT(error_of<ConfigError>([&] { export_contact_sheet(Dataset(folder.path()), to.path()); }),
              HasSubstr("is a folder"));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/export_plan.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::done_record;
using ::testing::ElementsAre;
using testing::error_of;
using testing::failed_record;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Job;
using testing::TemporaryFolder;

// Rows 0 to 5 of two buckets; 2 failed, 5 is missing.
class PlannedExport : public ::testing::Test {
 protected:
  PlannedExport() {
    Manifest manifest = manifest_from_prompts({"a cat, asleep", "b", "c", "d", "e", "f"});
    manifest.further_columns = {"style"};
    manifest.rows[0].further = {"oil=paint"};
    manifest.rows[1].steps = 4;
    manifest.rows[3].height = 32;
    SamplingDefaults defaults = testing::small_pictures();
    defaults.guidance = 3.1F;
    const Job job(manifest, defaults, {});
    for (int64_t shard = 0; shard < 2; ++shard) {
      JournalWriter writer(
          journal_path(folder_.path(), job.plan.shards[static_cast<size_t>(shard)].name, 0, 0));
      for (int64_t i = 0; i < job.plan.shards[static_cast<size_t>(shard)].size(); ++i) {
        const Sample sample = job.sample_at(shard, i);
        if (sample.row == 2) writer.append(failed_record(sample, i, "too hot"));
        if (sample.row != 2 && sample.row != 5) writer.append(done_record(sample, i));
      }
    }
    for (int64_t shard = 0; shard < 2; ++shard) job.write(folder_.path(), shard);
    write_index(folder_.path());
  }

  ExportPlan plan(const std::vector<const char*>& where, ExportSettings settings = {}) const {
    for (const char* text : where) settings.where.push_back(Condition::parse(text));
    return plan_export(folder_.path(), settings);
  }
  std::vector<uint32_t> rows(const std::vector<const char*>& where) const { return plan(where).rows.front(); }
  std::string error(const char* where) const {
    return error_of<ConfigError>([&] { plan({where}); });
  }

  TemporaryFolder folder_;
};

TEST_F(PlannedExport, TakesWhatIsDone) {
  const ExportPlan all = plan({});
  EXPECT_THAT(all.rows, ElementsAre(ElementsAre(0, 1, 3, 4)));
  EXPECT_EQ(all.num_matching, 6);
  EXPECT_EQ(all.num_without_pixels, 2);
  EXPECT_EQ(all.num_pictures(), 4);
  EXPECT_FALSE(all.has_copies);
  EXPECT_EQ(plan({"status=done"}).num_without_pixels, 0);
}

TEST_F(PlannedExport, TakesWhatMeetsAllConditions) {
  EXPECT_THAT(rows({"steps=4"}), ElementsAre(1));
  EXPECT_THAT(rows({"steps=28", "bucket=16x24"}), ElementsAre(0, 4));
  EXPECT_THAT(rows({"prompt=a cat, asleep"}), ElementsAre(0));
  EXPECT_THAT(rows({"style=oil=paint"}), ElementsAre(0));
  EXPECT_THAT(rows({" style ="}), ElementsAre(1, 3, 4));
  EXPECT_THAT(rows({"guidance=3.1"}), ElementsAre(0, 1, 3, 4)) << "a float32";
  EXPECT_THAT(rows({"bucket=32x24"}), ElementsAre(3));
  EXPECT_THAT(rows({"row=4"}), ElementsAre(4));
}

TEST_F(PlannedExport, RefusesConditionsThatCannotWork) {
  EXPECT_THAT(error("stepps=4"), AllOf(HasSubstr("no such column (did you mean 'steps'?)"),
                                       HasSubstr("give one of id, prompt, "), HasSubstr("style")));
  EXPECT_THAT(error("steps=4.5"), HasSubstr("--where steps=4.5: the column holds whole numbers"));
  EXPECT_THAT(error("steps="), HasSubstr("whole numbers"));
  EXPECT_THAT(error("guidance=much"), HasSubstr("the column holds numbers: give for example"));
  EXPECT_THAT(error("status=1"), HasSubstr("one of missing, done, failed"));
  EXPECT_THAT(error("steps=5"),
              HasSubstr("of 6 samples, 0 meet --where steps=5, none of them has a picture"));
  EXPECT_THAT(error("status=failed"), HasSubstr("of 6 samples, 1 meet --where status=failed"));
  for (const char* text : {"steps", "=4", ""}) {
    EXPECT_THAT(error_of<ConfigError>([&] { Condition::parse(text); }),
                HasSubstr("has the form COLUMN=VALUE"));
  }
}

TEST_F(PlannedExport, SharesOutByTheHash) {
  ExportSettings settings;
  settings.format = ExportFormat::hdf5;
  settings.splits = Splits::parse("a=0.4,b=0.6");
  const ExportPlan split = plan({}, settings);
  EXPECT_THAT(split.split_names, ElementsAre("a", "b"));
  std::vector<std::vector<uint32_t>> expected(2);
  for (const uint32_t row : {0U, 1U, 3U, 4U}) expected[settings.splits.of(cat(row))].push_back(row);
  EXPECT_EQ(split.rows, expected);
  EXPECT_EQ(split.pieces.size(), 2U);
}

TEST(ExportPieces, AreRunsOfASplit) {
  const std::vector<std::vector<uint32_t>> rows = {{5}, {0, 1, 2, 3, 4, 6}};
  ExportSettings settings;
  settings.format = ExportFormat::webdataset;
  settings.samples_per_tar = 4;
  EXPECT_THAT(cut_pieces(rows, settings),
              ElementsAre(ExportPiece{0, 0, 0, 1}, ExportPiece{1, 0, 0, 4}, ExportPiece{1, 1, 4, 6}));
  settings.format = ExportFormat::hdf5;
  EXPECT_THAT(cut_pieces(rows, settings), ElementsAre(ExportPiece{0, 0, 0, 1}, ExportPiece{1, 0, 0, 6}));
  settings.format = ExportFormat::png;
  const std::vector<std::vector<uint32_t>> many = {std::vector<uint32_t>(2001), {}};
  EXPECT_THAT(cut_pieces(many, settings),
              ElementsAre(ExportPiece{0, 0, 0, 1000}, ExportPiece{0, 1, 1000, 2000},
                          ExportPiece{0, 2, 2000, 2001}, ExportPiece{1, 0, 0, 0}))
      << "a split without samples is there, empty";
}

TEST(ExportPieces, HaveNumbersOfFiveDigits) {
  ExportSettings settings;
  settings.format = ExportFormat::webdataset;
  settings.samples_per_tar = 1;
  EXPECT_EQ(cut_pieces({std::vector<uint32_t>(99'999)}, settings).size(), 99'999U);
  EXPECT_THAT(error_of<ConfigError>([&] { cut_pieces({std::vector<uint32_t>(200'000)}, settings); }),
              AllOf(HasSubstr("make 200000 tars, their names have room for 99999"),
                    HasSubstr("--samples-per-tar 3 or more")));
}

TEST(ExportSettings, AreComparedByWhatTheyMean) {
  ExportSettings a;
  a.where = {{"steps", "4"}, {"bucket", "16x24"}};
  ExportSettings b = a;
  std::swap(b.where[0], b.where[1]);
  EXPECT_THAT(setting_differences(a.to_json(), b.to_json()), IsEmpty());
  b.where.pop_back();
  b.splits = Splits::parse("a=1");
  b.format = ExportFormat::webdataset;
  EXPECT_THAT(
      setting_differences(a.to_json(), b.to_json()),
      ElementsAre("--format was png, is webdataset now",
                  "--where was [\"bucket=16x24\",\"steps=4\"], is [\"bucket=16x24\"] now",
                  "--split was not given, is a=1 now", "--samples-per-tar was not there, is 1000 now"));
  EXPECT_THAT(error_of<ConfigError>([] { parse_export_format("webdatset"); }),
              HasSubstr("did you mean 'webdataset'?"));
}

}  // namespace
}  // namespace ditmesh

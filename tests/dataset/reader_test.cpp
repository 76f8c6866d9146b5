#include "ditmesh/dataset/reader.hpp"

#include <hdf5.h>

#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::done_record;
using ::testing::ElementsAre;
using testing::error_of;
using testing::failed_record;
using ::testing::HasSubstr;
using testing::Job;
using testing::TemporaryFolder;

Job small_job() {
  Manifest manifest = manifest_from_prompts({"a", "b", "c"});
  manifest.further_columns = {"style", "lens"};
  manifest.rows[0].further = {"oil", "35 mm"};
  SamplingDefaults defaults = testing::small_pictures();
  defaults.true_cfg = 2;
  defaults.negative_prompt = "blur";
  return {manifest, defaults, {2, 1}};
}

// The first shard has a done and a failed sample, the second a missing one.
void write_with_gaps(const Job& job, const std::filesystem::path& output) {
  {
    JournalWriter writer(journal_path(output, "16x24-000000", 0, 0));
    JournalRecord record = done_record(job.sample_at(0, 0), 0);
    record.latents = Latents{1, 2, 3, {1, 2, 3, 4, 5, 6}};
    writer.append(record);
    writer.append(failed_record(job.sample_at(0, 1), 1, "too hot"));
  }
  job.write(output, 0);
  job.write(output, 1);
  write_index(output);
}

TEST(Dataset, GivesEveryColumnBack) {
  const TemporaryFolder folder;
  const Job job = small_job();
  write_with_gaps(job, folder.path());
  for (const auto& path : {folder.path(), folder.path() / "dataset.h5"}) {
    const Dataset dataset(path);
    ASSERT_EQ(dataset.size(), 3);
    for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(dataset.row(i).sample, job.samples.sample(i));
    EXPECT_THAT(dataset.further_columns(), ElementsAre("style", "lens"));
    EXPECT_EQ(dataset.counts(), (StatusCounts{1, 1, 1}));
    EXPECT_EQ(dataset.row(1).error, "too hot");
    EXPECT_EQ(dataset.row(1).sha256, "");
    EXPECT_EQ(dataset.row(0).sha256, pixel_sha256(dataset.pixels(0)));
    EXPECT_EQ(dataset.row(0).device_seconds, 0.5F);
    EXPECT_EQ(dataset.latents(0)->values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  }
}

TEST(Dataset, HasNoLatentsUnlessTheyWereSaved) {
  const TemporaryFolder folder;
  small_job().write_all(folder.path());
  EXPECT_FALSE(Dataset(folder.path()).latents(2).has_value());
}

TEST(Dataset, TellsThatASampleHasNoPixels) {
  const TemporaryFolder folder;
  write_with_gaps(small_job(), folder.path());
  const Dataset dataset(folder.path());
  EXPECT_THAT(error_of<ConfigError>([&] { dataset.pixels(1); }),
              AllOf(HasSubstr("sample '1' copy 0 is failed: it has no pixels"), HasSubstr("status")));
  EXPECT_THAT(error_of<ConfigError>([&] { dataset.latents(2); }), HasSubstr("is missing: it has no pixels"));
}

TEST(Dataset, RefusesWhatIsNoDataset) {
  const TemporaryFolder folder;
  const auto error = [](const std::filesystem::path& path) {
    return error_of<ConfigError>([&] { Dataset{path}; });
  };
  EXPECT_THAT(error(folder.path() / "none"), HasSubstr("there is no dataset"));
  EXPECT_THAT(error(folder.path()), AllOf(HasSubstr("has no dataset.h5"), HasSubstr("ditmesh generate")));
  EXPECT_THAT(error(folder.write("x.h5", "hello")), HasSubstr("is not an HDF5 file"));
  small_job().write_all(folder.path());
  EXPECT_THAT(error(folder.path() / "shards/16x24-000000.h5"), HasSubstr("is not the index of a dataset"));
  std::filesystem::remove(folder.path() / "dataset.h5");
  EXPECT_THAT(error(folder.path()),
              AllOf(HasSubstr("has shards but no dataset.h5"), HasSubstr("ditmesh index")));
}

TEST(Dataset, NamesAMissingOrTruncatedShard) {
  const TemporaryFolder folder;
  small_job().write_all(folder.path());
  const auto shard = folder.path() / "shards/16x24-000000.h5";
  const auto error = [&] { return error_of<EnvironmentError>([&] { Dataset(folder.path()).pixels(0); }); };
  std::filesystem::resize_file(shard, std::filesystem::file_size(shard) / 2);
  EXPECT_THAT(error(), AllOf(HasSubstr("16x24-000000.h5"), HasSubstr("is damaged"),
                             HasSubstr("truncated file"), HasSubstr("make its samples again")));
  std::filesystem::remove(shard);
  EXPECT_THAT(error(),
              AllOf(HasSubstr("16x24-000000.h5"), HasSubstr("No such file"), HasSubstr("bring it back")));
  EXPECT_EQ(Dataset(folder.path()).pixels(2).height, 16) << "the other shard is well";
}

TEST(Dataset, RefusesAnotherFormatVersion) {
  const TemporaryFolder folder;
  small_job().write_all(folder.path());
  const hid_t file = H5Fopen((folder.path() / "dataset.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t attribute = H5Aopen(file, "format_version", H5P_DEFAULT);
  const int64_t version = 2;
  H5Awrite(attribute, H5T_NATIVE_INT64, &version);
  H5Aclose(attribute);
  H5Fclose(file);
  EXPECT_THAT(
      error_of<EnvironmentError>([&] { Dataset{folder.path()}; }),
      AllOf(HasSubstr("format version 2, this ditmesh reads version 1"), HasSubstr("version of ditmesh")));
}

}  // namespace
}  // namespace ditmesh

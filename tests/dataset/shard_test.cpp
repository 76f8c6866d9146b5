#include "ditmesh/dataset/shard.hpp"

#include <hdf5.h>

#include <cmath>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/hash.hpp"
#include "hdf5_api.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::done_record;
using ::testing::ElementsAre;
using testing::error_of;
using testing::failed_record;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::Hdf5Api;
using testing::Job;
using testing::small_pictures;
using testing::TemporaryFolder;

Manifest three_rows() {
  Manifest manifest = manifest_from_prompts({"une forêt", "a cat", "a dog"});
  manifest.further_columns = {"style"};
  manifest.rows[0].id = "forêt";
  manifest.rows[0].seed = 4294967296U + 5;
  manifest.rows[1].further = {"oil"};
  return manifest;
}

TEST(Shard, HoldsWhatTheContractSaysByThePlainHdf5Api) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  {
    JournalWriter writer(journal_path(folder.path(), "16x24-000000", 0, 0));
    writer.append(done_record(job.sample_at(0, 0), 0));
    writer.append(failed_record(job.sample_at(0, 2), 2, "NaN after decoding"));
  }
  EXPECT_EQ(job.write(folder.path(), 0), (StatusCounts{1, 1, 1}));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "shards/16x24-000000.h5.tmp"));

  const Hdf5Api file(folder.path() / "shards/16x24-000000.h5");
  EXPECT_EQ(file.number_attribute("/", "format_version"), 1);
  EXPECT_EQ(file.number_attribute("/16x24", "height"), 16);
  EXPECT_EQ(file.number_attribute("/16x24", "width"), 24);
  EXPECT_THAT(file.texts("/samples/id"), ElementsAre("forêt", "1", "2"));
  EXPECT_THAT(file.texts("/samples/prompt"), ElementsAre("une forêt", "a cat", "a dog"));
  EXPECT_THAT(file.texts("/samples/negative_prompt"), ElementsAre("", "", ""));
  EXPECT_THAT(file.texts("/samples/error"), ElementsAre("", "", "NaN after decoding"));
  EXPECT_THAT(file.texts("/samples/style"), ElementsAre("", "oil", ""));
  EXPECT_THAT(file.texts("/samples/seed_in_manifest"), ElementsAre("4294967301", "", ""));
  EXPECT_THAT(file.numbers<int64_t>("/samples/row", H5T_NATIVE_INT64), ElementsAre(0, 1, 2));
  EXPECT_THAT(file.numbers<int32_t>("/samples/copy", H5T_NATIVE_INT32), ElementsAre(0, 0, 0));
  EXPECT_EQ(file.numbers<int64_t>("/samples/seed", H5T_NATIVE_INT64)[0], 5);
  EXPECT_THAT(file.numbers<int32_t>("/samples/steps", H5T_NATIVE_INT32), ElementsAre(28, 28, 28));
  EXPECT_THAT(file.numbers<float>("/samples/guidance", H5T_NATIVE_FLOAT), ElementsAre(3.5F, 3.5F, 3.5F));
  EXPECT_THAT(file.numbers<float>("/samples/device_seconds", H5T_NATIVE_FLOAT), ElementsAre(0.5F, 0.F, 0.F));
  EXPECT_THAT(file.numbers<int64_t>("/samples/index_in_shard", H5T_NATIVE_INT64), ElementsAre(0, 1, 2));
  EXPECT_THAT(file.numbers<int64_t>("/16x24/row", H5T_NATIVE_INT64), ElementsAre(0, 1, 2));
  EXPECT_FALSE(file.exists("/16x24/latents"));

  const auto pixels = file.numbers<uint8_t>("/16x24/images", H5T_NATIVE_UINT8);
  const Image first = done_record(job.sample_at(0, 0), 0).image;
  ASSERT_EQ(pixels.size(), 3 * first.size_bytes());
  EXPECT_TRUE(std::equal(first.pixels.begin(), first.pixels.end(), pixels.begin()));
  EXPECT_EQ(file.attribute("/16x24/images", "axes"), "sample, height, width, channel (red, green, blue)");
  EXPECT_EQ(file.attribute("/16x24/images", "units"), "sRGB, 0 to 255");
  EXPECT_EQ(file.attribute("/samples/device_seconds", "units"), "s");
}

TEST(Shard, HasTypesAndFiltersOfTheContract) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  job.journal_all(folder.path(), 0);
  job.write(folder.path(), 0);
  const Hdf5Api file(folder.path() / "shards/16x24-000000.h5");

  const hid_t images = file.open("/16x24/images");
  const hid_t creation = H5Dget_create_plist(images);
  hsize_t chunk[4] = {};
  EXPECT_EQ(H5Pget_chunk(creation, 4, chunk), 4);
  EXPECT_THAT(chunk, ElementsAre(1, 16, 24, 3));
  ASSERT_EQ(H5Pget_nfilters(creation), 1);
  unsigned flags = 0;
  size_t num_values = 1;
  unsigned level = 0;
  EXPECT_EQ(H5Pget_filter2(creation, 0, &flags, &num_values, &level, 0, nullptr, nullptr),
            H5Z_FILTER_DEFLATE);
  EXPECT_EQ(level, 1U);
  H5Pclose(creation);
  H5Dclose(images);

  const hid_t status = file.open("/samples/status");
  const hid_t type = H5Dget_type(status);
  EXPECT_EQ(H5Tget_class(type), H5T_ENUM);
  for (uint8_t value = 0; value < 3; ++value) {
    char name[20] = "";
    EXPECT_GE(H5Tenum_nameof(type, &value, name, sizeof(name)), 0);
    EXPECT_EQ(name, to_string(static_cast<SampleStatus>(value)));
  }
  H5Tclose(type);
  H5Dclose(status);

  const hid_t sha256 = file.open("/samples/sha256");
  const hid_t text = H5Dget_type(sha256);
  EXPECT_EQ(H5Tget_size(text), 64U);
  EXPECT_EQ(H5Tis_variable_str(text), 0);
  H5Tclose(text);
  H5Dclose(sha256);

  const hid_t prompt = file.open("/samples/prompt");
  const hid_t free_text = H5Dget_type(prompt);
  EXPECT_GT(H5Tis_variable_str(free_text), 0);
  EXPECT_EQ(H5Tget_cset(free_text), H5T_CSET_UTF8);
  H5Tclose(free_text);
  H5Dclose(prompt);
}

TEST(Shard, SavesLatentsWhereThereAreSome) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  JournalRecord record = done_record(job.sample_at(0, 1), 1);
  record.latents = Latents{2, 1, 2, {1, 2, 3, 4}};
  {
    JournalWriter writer(journal_path(folder.path(), "16x24-000000", 0, 0));
    writer.append(record);
  }
  job.write(folder.path(), 0);
  const Hdf5Api file(folder.path() / "shards/16x24-000000.h5");
  const auto latents = file.numbers<float>("/16x24/latents", H5T_NATIVE_FLOAT);
  ASSERT_EQ(latents.size(), 12U);
  EXPECT_TRUE(std::isnan(latents[0])) << "a missing sample has no latents";
  EXPECT_THAT(std::vector<float>(latents.begin() + 4, latents.begin() + 8), ElementsAre(1, 2, 3, 4));
}

TEST(Shard, IsMadeOfTheOldFileAndNewJournals) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  {
    JournalWriter writer(journal_path(folder.path(), "16x24-000000", 0, 0));
    writer.append(done_record(job.sample_at(0, 0), 0));
    writer.append(failed_record(job.sample_at(0, 1), 1, "old"));
    writer.append(failed_record(job.sample_at(0, 2), 2, "old"));
  }
  job.write(folder.path(), 0);
  remove_journals(folder.path(), "16x24-000000");
  const Shard& shard = job.plan.shards[0];
  EXPECT_THAT(shard_status(folder.path(), shard),
              ElementsAre(SampleStatus::done, SampleStatus::failed, SampleStatus::failed));
  {
    // As --retry-failed does; the failure of a done sample changes nothing.
    JournalWriter writer(journal_path(folder.path(), "16x24-000000", 0, 1));
    writer.append(done_record(job.sample_at(0, 1), 1));
    writer.append(failed_record(job.sample_at(0, 0), 0, "new"));
    writer.append(failed_record(job.sample_at(0, 2), 2, "new"));
  }
  EXPECT_EQ(job.write(folder.path(), 0), (StatusCounts{0, 2, 1}));
  {
    const Hdf5Api file(folder.path() / "shards/16x24-000000.h5");
    EXPECT_THAT(file.texts("/samples/error"), ElementsAre("", "", "new"));
    const auto pixels = file.numbers<uint8_t>("/16x24/images", H5T_NATIVE_UINT8);
    const Image first = done_record(job.sample_at(0, 0), 0).image;
    EXPECT_TRUE(std::equal(first.pixels.begin(), first.pixels.end(), pixels.begin()));
  }
  // A crash before the journals were removed: the same again.
  EXPECT_EQ(job.write(folder.path(), 0), (StatusCounts{0, 2, 1}));
}

TEST(Shard, StatusOfAFileThatIsNotThereIsEmpty) {
  const TemporaryFolder folder;
  EXPECT_TRUE(shard_status(folder.path(), {0, 0, 1, "16x24-000000"}).empty());
}

TEST(Shard, RefusesWhatBelongsToAnotherJob) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  const auto write = [&] { job.write(folder.path(), 0); };
  const auto journal_only = [&](const JournalRecord& record) {
    remove_journals(folder.path(), "16x24-000000");
    JournalWriter(journal_path(folder.path(), "16x24-000000", 0, 0)).append(record);
  };
  JournalRecord other_row = done_record(job.sample_at(0, 0), 0);
  other_row.row = 7;
  journal_only(other_row);
  EXPECT_THAT(
      error_of<ConfigError>(write),
      AllOf(HasSubstr("has row 7 copy 0 where this job has row 0 copy 0"), HasSubstr("another --output")));

  JournalRecord other_size = done_record(job.sample_at(0, 0), 0);
  other_size.image = Image(8, 8);
  journal_only(other_size);
  EXPECT_THAT(error_of<EnvironmentError>(write), HasSubstr("a picture of the bucket 16x24 has 8x8 pixels"));

  remove_journals(folder.path(), "16x24-000000");
  write();
  Manifest longer = three_rows();
  longer.rows.push_back(longer.rows[1]);
  const Job other(longer, small_pictures(), {});
  EXPECT_THAT(error_of<ConfigError>([&] { other.write(folder.path(), 0); }),
              HasSubstr("holds 3 samples, this job puts 4 there"));
}

TEST(KnownStatus, IsThatOfShardsAndJournalsTogether) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {2, 1});
  const auto known = [&] { return known_status(folder.path(), job.plan); };
  EXPECT_THAT(known().samples, ::testing::Each(SampleStatus::missing));
  EXPECT_THAT(known().has_file, ElementsAre(false, false));
  EXPECT_THAT(known().has_journal, ElementsAre(false, false));
  {
    JournalWriter writer(journal_path(folder.path(), "16x24-000000", 0, 0));
    writer.append(done_record(job.sample_at(0, 0), 0));
    writer.append(failed_record(job.sample_at(0, 1), 1, "hot"));
  }
  // Nothing more to make, but there is no file yet.
  EXPECT_THAT(known().samples, ElementsAre(SampleStatus::done, SampleStatus::failed, SampleStatus::missing));
  EXPECT_THAT(known().has_file, ElementsAre(false, false));
  EXPECT_THAT(known().has_journal, ElementsAre(true, false));
  job.write(folder.path(), 0);
  remove_journals(folder.path(), "16x24-000000");
  JournalWriter(journal_path(folder.path(), "16x24-000001", 0, 0))
      .append(done_record(job.sample_at(1, 0), 0));
  EXPECT_THAT(known().samples, ElementsAre(SampleStatus::done, SampleStatus::failed, SampleStatus::done));
  EXPECT_THAT(known().has_file, ElementsAre(true, false));
  EXPECT_THAT(known().has_journal, ElementsAre(false, true));
  JournalWriter(journal_path(folder.path(), "16x24-000000", 0, 1))
      .append(done_record(job.sample_at(0, 1), 1));
  EXPECT_THAT(known().samples, ::testing::Each(SampleStatus::done));
}

TEST(KnownStatus, IsAskedOfTheShardsThatAreWanted) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {1, 1});
  for (int64_t shard = 0; shard < 3; ++shard) {
    job.journal_all(folder.path(), shard);
    job.write(folder.path(), shard);
  }
  folder.write("shards/16x24-000001.h5", "not of this part");
  const KnownStatus known =
      known_status(folder.path(), job.plan, {}, [](int64_t shard) { return in_part(shard, 0, 2); });
  EXPECT_THAT(known.samples, ElementsAre(SampleStatus::done, SampleStatus::missing, SampleStatus::done));
  EXPECT_THAT(known.has_file, ElementsAre(true, false, true));
  EXPECT_THAT(known.has_journal, ElementsAre(true, false, true));
}

TEST(KnownStatus, NamesADamagedShardAndTheWayOut) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  job.journal_all(folder.path(), 0);
  job.write(folder.path(), 0);
  const auto path = folder.path() / "shards/16x24-000000.h5";
  const std::string whole = read_file(path);
  const auto is_told = AllOf(HasSubstr("16x24-000000.h5"), HasSubstr("is damaged"),
                             HasSubstr("remove it and start the job again: its samples are then made again"));
  for (const size_t size : {size_t{0}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    folder.write("shards/16x24-000000.h5", whole.substr(0, size));
    EXPECT_THAT(error_of<EnvironmentError>([&] { known_status(folder.path(), job.plan); }), is_told) << size;
    EXPECT_THAT(error_of<EnvironmentError>([&] { job.write(folder.path(), 0); }), is_told) << size;
  }
  // The remedy works: the journals still have its samples.
  std::filesystem::remove(path);
  EXPECT_THAT(known_status(folder.path(), job.plan).has_file, ElementsAre(false));
  EXPECT_EQ(job.write(folder.path(), 0), (StatusCounts{0, 3, 0}));
}

// Names of what is in OUTPUT/shards.
std::vector<std::string> files_in_shards(const std::filesystem::path& output) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(output / "shards")) {
    names.push_back(file.path().filename().string());
  }
  return names;
}

TEST(Shard, LeavesNothingWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  job.journal_all(folder.path(), 0);
  for (const rlim_t bytes : {0, 100, 2000, 5000}) {
    const FileSizeLimit limit(bytes);
    EXPECT_THAT(error_of<EnvironmentError>([&] {
                  job.write(folder.path(), 0, {{}, "attempt-3"});
                }),
                AllOf(HasSubstr("File too large: "), HasSubstr("16x24-000000.h5.attempt-3.tmp"),
                      HasSubstr("free space")));
    EXPECT_THAT(files_in_shards(folder.path()), ElementsAre());
  }
  EXPECT_EQ(job.write(folder.path(), 0), (StatusCounts{0, 3, 0}));
  EXPECT_THAT(files_in_shards(folder.path()), ElementsAre("16x24-000000.h5"));
}

TEST(Shard, LeavesNothingWhenItIsCancelled) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  job.journal_all(folder.path(), 0);
  const auto file_count_while_writing = [&] {
    EXPECT_THAT(files_in_shards(folder.path()), ElementsAre("16x24-000000.h5.attempt-1.tmp"));
  };
  for (int rows_before = 0; rows_before < 3; ++rows_before) {
    int asked = 0;
    WriteShardOptions options;
    options.temporary_suffix = "attempt-1";
    options.cancelled = [&] {
      file_count_while_writing();
      return asked++ == rows_before;
    };
    EXPECT_THAT(error_of<EnvironmentError>([&] { job.write(folder.path(), 0, options); }),
                AllOf(HasSubstr(cat("was stopped after ", rows_before, " of 3 samples")),
                      HasSubstr("still in the journal")));
    EXPECT_EQ(asked, rows_before + 1);
    EXPECT_THAT(files_in_shards(folder.path()), ElementsAre());
  }
  EXPECT_EQ(job.write(folder.path(), 0), (StatusCounts{0, 3, 0}));
}

TEST(Shard, ThatIsThereStaysWhenItsSuccessorCannotBeWritten) {
  const TemporaryFolder folder;
  const Job job(three_rows(), small_pictures(), {});
  job.journal_all(folder.path(), 0);
  job.write(folder.path(), 0);
  const std::string before = read_file(folder.path() / "shards/16x24-000000.h5");
  EXPECT_THAT(error_of<EnvironmentError>([&] {
                job.write(folder.path(), 0, {[] { return true; }, ""});
              }),
              HasSubstr("was stopped after 0 of 3"));
  EXPECT_EQ(read_file(folder.path() / "shards/16x24-000000.h5"), before);
}

TEST(Shard, TakesPicturesOfOneSize) {
  const TemporaryFolder folder;
  Manifest manifest = three_rows();
  manifest.rows[1].height = 8;
  const Job job(manifest, small_pictures(), {});
  const std::vector<int64_t> mixed = {0, 1};
  EXPECT_THAT(error_of<InternalError>([&] {
                write_shard(folder.path(), {"16x24-000000", 0, mixed}, job.samples);
              }),
              HasSubstr("the shard 16x24-000000 of 16x24 pictures is to take one of 8x24"));
  EXPECT_THAT(files_in_shards(folder.path()), ElementsAre());
}

TEST(Shard, SaysWhenItCannotBeWritten) {
  const TemporaryFolder folder;
  folder.write("shards", "a file where the folder should be");
  const Job job(three_rows(), small_pictures(), {});
  EXPECT_THAT(error_of<EnvironmentError>([&] { job.write(folder.path(), 0); }),
              HasSubstr("cannot create the folder"));
}

}  // namespace
}  // namespace ditmesh

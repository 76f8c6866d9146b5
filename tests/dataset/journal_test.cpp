#include "ditmesh/dataset/journal.hpp"

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
using testing::picture_of;
using testing::TemporaryFolder;

Sample sample_of(int64_t row) {
  Sample sample;
  sample.row = row;
  sample.height = 4;
  sample.width = 6;
  sample.seed = row;
  return sample;
}

JournalRecord with_latents(JournalRecord record) {
  record.latents = Latents{2, 1, 3, {0.5F, -1.F, 3.F, 1e-30F, 0.F, 7.F}};
  return record;
}

TEST(Journal, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  const auto path = journal_path(folder.path(), "4x6-000000", 3, 1);
  EXPECT_EQ(path.filename(), "4x6-000000.replica-3.attempt-1");
  const std::vector<JournalRecord> records = {done_record(sample_of(5), 0),
                                              with_latents(done_record(sample_of(9), 2)),
                                              failed_record(sample_of(7), 1, "a NaN, à la carte")};
  {
    JournalWriter writer(path);
    for (const JournalRecord& record : records) writer.append(record);
  }
  const JournalReader reader(path);
  EXPECT_EQ(reader.damage(), "");
  ASSERT_EQ(reader.entries().size(), 3U);
  EXPECT_EQ(reader.entries()[2].status, SampleStatus::failed);
  for (size_t i = 0; i < records.size(); ++i) EXPECT_EQ(reader.read(reader.entries()[i]), records[i]);
}

TEST(Journal, IsReadableAfterEveryRecord) {
  const TemporaryFolder folder;
  JournalWriter writer(journal_path(folder.path(), "s", 0, 0));
  for (size_t count = 0; count < 3; ++count) {
    EXPECT_EQ(JournalReader(writer.path()).entries().size(), count);
    writer.append(done_record(sample_of(0), static_cast<int64_t>(count)));
  }
}

// A crash can cut the file anywhere: at every length the whole records are there.
TEST(Journal, StopsAtATornTailWhereverItIs) {
  const TemporaryFolder folder;
  const auto path = journal_path(folder.path(), "s", 0, 0);
  {
    JournalWriter writer(path);
    for (int64_t i = 0; i < 2; ++i) writer.append(done_record(sample_of(i), i));
  }
  const auto whole = JournalReader(path).entries();
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  for (int64_t cut = size - 1; cut >= 0; --cut) {
    std::filesystem::resize_file(path, static_cast<uintmax_t>(cut));
    const JournalReader reader(path);
    const size_t expected = cut < whole[1].offset_bytes ? 0 : 1;
    EXPECT_EQ(reader.entries().size(), expected) << cut;
    const bool is_at_a_boundary = cut == whole[0].offset_bytes || cut == whole[1].offset_bytes;
    EXPECT_EQ(reader.damage().empty(), is_at_a_boundary) << cut << ": " << reader.damage();
  }
}

TEST(Journal, SaysWhatIsTorn) {
  const TemporaryFolder folder;
  const auto path = journal_path(folder.path(), "s", 0, 0);
  {
    JournalWriter writer(path);
    for (int64_t i = 0; i < 2; ++i) writer.append(done_record(sample_of(i), i));
  }
  const auto second = JournalReader(path).entries()[1];
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(second.offset_bytes + 100);
  file.put('!');
  file.close();
  const JournalReader reader(path);
  EXPECT_EQ(reader.entries().size(), 1U);
  EXPECT_THAT(reader.damage(),
              AllOf(HasSubstr("has 1 whole records"), HasSubstr("the last 152 bytes are a torn one")));
  EXPECT_THAT(error_of<EnvironmentError>([&] { reader.read(second); }),
              AllOf(HasSubstr("changed: no record at byte"), HasSubstr("one job at a time")));
}

TEST(Journal, LosesNothingWhenTheDiskIsFullForAWhile) {
  const TemporaryFolder folder;
  JournalWriter writer(journal_path(folder.path(), "s", 0, 0));
  writer.append(done_record(sample_of(0), 0));
  {
    const testing::FileSizeLimit limit(200);  // the second record ends at byte 322
    EXPECT_THAT(
        error_of<EnvironmentError>([&] { writer.append(done_record(sample_of(1), 1)); }),
        AllOf(HasSubstr("cannot write the journal"), HasSubstr("File too large"), HasSubstr("free space")));
  }
  writer.append(done_record(sample_of(2), 2));
  const JournalReader reader(writer.path());
  EXPECT_EQ(reader.damage(), "");
  ASSERT_EQ(reader.entries().size(), 2U);
  EXPECT_EQ(reader.entries()[1].row, 2);
}

TEST(Journal, IsNeverWrittenTwice) {
  const TemporaryFolder folder;
  const JournalWriter writer(journal_path(folder.path(), "s", 0, 0));
  EXPECT_THAT(error_of<EnvironmentError>([&] { JournalWriter(writer.path()); }),
              AllOf(HasSubstr("cannot create the journal"), HasSubstr("File exists")));
}

TEST(Journal, RefusesForeignFiles) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of<ConfigError>([&] { JournalReader(folder.write("x", "ditmesh journal 9\nabc")); }),
              AllOf(HasSubstr("not a journal of this version"), HasSubstr("move it away")));
  EXPECT_THAT(error_of<ConfigError>([&] { JournalReader(folder.path() / "none"); }),
              HasSubstr("No such file"));
}

TEST(Journal, RefusesShapesThatDoNotFit) {
  const TemporaryFolder folder;
  JournalWriter writer(journal_path(folder.path(), "s", 0, 0));
  JournalRecord record = done_record(sample_of(0), 0);
  record.image.pixels.pop_back();
  EXPECT_THAT(error_of<InternalError>([&] { writer.append(record); }), HasSubstr("holds 71 pixel bytes"));
}

TEST(Journals, AreListedByAttemptThenReplica) {
  const TemporaryFolder folder;
  EXPECT_THAT(list_journals(folder.path()), IsEmpty());
  for (const auto& [shard, replica, attempt] :
       {std::tuple("b", 0, 10), {"a", 10, 2}, {"a", 9, 2}, {"a", 11, 0}}) {
    JournalWriter(journal_path(folder.path(), shard, replica, attempt));
  }
  folder.write("journal/note.txt", "not a journal");
  const auto names = [](const std::vector<std::filesystem::path>& paths) {
    std::vector<std::string> all;
    for (const auto& path : paths) all.push_back(path.filename().string());
    return all;
  };
  EXPECT_THAT(names(list_journals(folder.path(), "a")),
              ElementsAre("a.replica-11.attempt-0", "a.replica-9.attempt-2", "a.replica-10.attempt-2"));
  EXPECT_EQ(list_journals(folder.path()).size(), 4U);
  remove_journals(folder.path(), "a");
  EXPECT_THAT(names(list_journals(folder.path())), ElementsAre("b.replica-0.attempt-10"));
}

TEST(Journals, KnowTheBestRecordOfEachSample) {
  const TemporaryFolder folder;
  const auto write = [&](int64_t replica, int64_t attempt, const std::vector<JournalRecord>& records) {
    JournalWriter writer(journal_path(folder.path(), "s", replica, attempt));
    for (const JournalRecord& record : records) writer.append(record);
  };
  write(0, 0,
        {failed_record(sample_of(0), 0, "old"), done_record(sample_of(1), 1),
         failed_record(sample_of(2), 2, "old")});
  write(1, 1,
        {done_record(sample_of(0), 0), failed_record(sample_of(1), 1, "new"),
         failed_record(sample_of(2), 2, "new")});
  std::filesystem::resize_file(folder.write("journal/s.replica-2.attempt-1", "ditmesh journal 1\nto"), 20);

  std::vector<std::string> warnings;
  const Log log([&](LogLevel, const std::string& message) { warnings.push_back(message); });
  const auto known = journalled_samples(folder.path(), "s", 4, log);
  EXPECT_EQ(known[0]->read().status, SampleStatus::done) << "a later success";
  EXPECT_EQ(known[1]->read().status, SampleStatus::done) << "done goes before failed";
  EXPECT_EQ(known[2]->read().error, "new") << "of two failures the later";
  EXPECT_FALSE(known[3].has_value());
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("has 0 whole records; the last 2 bytes are a torn one")));
  EXPECT_THAT(error_of<ConfigError>([&] { journalled_samples(folder.path(), "s", 2); }),
              AllOf(HasSubstr("position 2, the shard has 2"), HasSubstr("choose another --output")));
}

}  // namespace
}  // namespace ditmesh

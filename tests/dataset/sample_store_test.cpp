#include "ditmesh/dataset/sample_store.hpp"

#include <thread>

#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

Sample full_sample() {
  Sample sample;
  sample.row = 7;
  sample.copy = 2;
  sample.id = "forêt/1";
  sample.prompt = "une forêt, 森 🌲\n\"second line\"";
  sample.negative_prompt = "flou";
  sample.seed = 4294967295;
  sample.seed_in_manifest = 18446744073709551615U;
  sample.height = 768;
  sample.width = 1024;
  sample.steps = 20;
  sample.guidance = 3.5F;
  sample.true_cfg = 2.25F;
  sample.further = {"", "oil", ""};
  return sample;
}

void write_store(const std::filesystem::path& path, const std::vector<Sample>& samples,
                 const std::vector<std::string>& further_columns) {
  SampleStoreWriter writer(path);
  for (const Sample& sample : samples) writer.add(sample);
  writer.finish(further_columns);
}

TEST(SampleStore, GivesEveryFieldBack) {
  const TemporaryFolder folder;
  Sample bare;
  bare.id = "0";
  bare.further = {"a", "b", "c"};
  Sample other_number = bare;  // an id that looks like a number, but not that of its row
  other_number.id = "1";
  Sample cut_number = bare;
  cut_number.id = "00";
  const std::vector<Sample> samples = {full_sample(), bare, other_number, cut_number};
  write_store(folder.path() / "s", samples, {"style", "lens", "größe"});
  const SampleStore store(folder.path() / "s");
  ASSERT_EQ(store.size(), 4);
  for (int64_t i = 3; i >= 0; --i) EXPECT_EQ(store.sample(i), samples[static_cast<size_t>(i)]);
  EXPECT_THAT(store.further_columns(), ElementsAre("style", "lens", "größe"));
}

TEST(SampleStore, FillsColumnsThatCameLater) {
  const TemporaryFolder folder;
  Sample first = full_sample();
  first.further = {};
  Sample second = full_sample();
  second.further = {"", "oil"};
  write_store(folder.path() / "s", {first, second}, {"style", "lens", "note"});
  const SampleStore store(folder.path() / "s");
  EXPECT_THAT(store.sample(0).further, ElementsAre("", "", ""));
  EXPECT_THAT(store.sample(1).further, ElementsAre("", "oil", ""));
}

TEST(SampleStore, FindsEachOfManyFromAnyThread) {
  const TemporaryFolder folder;
  const auto sample_of = [](int64_t i) {
    Sample sample = full_sample();
    sample.row = i;
    sample.id = std::to_string(i);
    sample.prompt = std::string(static_cast<size_t>(i * i % 999), static_cast<char>('a' + i % 26));
    return sample;
  };
  constexpr int64_t kNumSamples = 3001;
  {
    SampleStoreWriter writer(folder.path() / "s");
    for (int64_t i = 0; i < kNumSamples; ++i) writer.add(sample_of(i));
    EXPECT_EQ(writer.size(), kNumSamples);
    writer.finish({"a", "b", "c"});
  }
  const SampleStore store(folder.path() / "s");
  ASSERT_EQ(store.size(), kNumSamples);
  const auto check = [&](int64_t step) {
    for (int64_t k = 0; k < kNumSamples; ++k) {
      const int64_t i = k * step % kNumSamples;
      EXPECT_EQ(store.sample(i), sample_of(i));
    }
  };
  std::thread other([&] { check(7); });
  check(1000);
  other.join();
  EXPECT_THAT(error_of<InternalError>([&] { store.sample(kNumSamples); }),
              HasSubstr("sample 3001 was asked of 3001"));
}

TEST(SampleStore, MayHoldNothing) {
  const TemporaryFolder folder;
  write_store(folder.path() / "s", {}, {});
  EXPECT_EQ(SampleStore(folder.path() / "s").size(), 0);
}

TEST(SampleStore, RefusesFilesThatAreCutOrForeign) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s";
  const auto error = [&] { return error_of<EnvironmentError>([&] { SampleStore{path}; }); };
  EXPECT_THAT(error(), AllOf(HasSubstr("cannot be read: No such file"), HasSubstr("shared file system")));
  folder.write("s", "");
  EXPECT_THAT(error(), AllOf(HasSubstr("is cut: it has 0 bytes"), HasSubstr("start it again")));
  folder.write("s", std::string(500, 'x'));
  EXPECT_THAT(error(), HasSubstr("is not a samples file of this version"));
  folder.write("s", "ditmesh samples 2\n" + std::string(500, 'x'));
  EXPECT_THAT(error(), HasSubstr("is not a samples file of this version"));

  write_store(path, std::vector<Sample>(17, full_sample()), {"a", "b", "c"});
  const std::string whole = read_file(path);
  for (size_t size = 0; size < whole.size(); size += size < whole.size() - 300 ? 13 : 1) {
    folder.write("s", whole.substr(0, size));
    EXPECT_THAT(error(), HasSubstr("is cut: it ")) << size << " of " << whole.size() << " bytes";
  }
}

TEST(SampleStore, NeverReadsOutsideOfADamagedFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s";
  write_store(path, std::vector<Sample>(20, full_sample()), {"a", "b", "c"});
  const std::string whole = read_file(path);
  for (size_t at = 0; at < whole.size(); at += at < 300 || at > whole.size() - 300 ? 1 : 13) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(0xFF);
    folder.write("s", bytes);
    try {
      const SampleStore store(path);
      for (int64_t i = 0; i < store.size(); ++i) store.sample(i);
    } catch (const EnvironmentError&) {  // or a sample that says something else: there is no checksum
    }
  }
}

TEST(SampleStoreWriter, LeavesNoFileUnlessItFinishes) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s";
  { SampleStoreWriter(path).add(full_sample()); }
  EXPECT_FALSE(std::filesystem::exists(path));
  const testing::FileSizeLimit limit(1000);
  EXPECT_THAT(
      error_of<EnvironmentError>([&] { write_store(path, std::vector<Sample>(100, full_sample()), {}); }),
      AllOf(HasSubstr("cannot write the samples file"), HasSubstr("File too large")));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_THAT(error_of<EnvironmentError>([&] { SampleStoreWriter(folder.path() / "none" / "s"); }),
              AllOf(HasSubstr("cannot create the samples file"), HasSubstr("No such file")));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/job_record.hpp"

#include <functional>

#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

JobRecord record() {
  JobRecord record;
  record.settings = {{"steps", {{"value", "28"}, {"origin", "default"}}},
                     {"output", {{"value", "out"}, {"origin", "command line"}}}};
  record.model_name = "flux";
  record.model_hash = std::string(64, 'a');
  record.manifest_name = "prompts.csv";
  record.manifest_sha256 = std::string(64, 'b');
  record.manifest_rows_sha256 = std::string(64, 'c');
  record.manifest_num_rows = 3;
  record.num_samples = 6;
  record.shard_size = 4;
  record.shards = {{"16x24-000001", 2}, {"16x24-000000", 4}};
  record.extended_at = {2, 4};
  record.sampling = {{"steps", 28}, {"true_cfg", 1.5}, {"negative_prompt", ""}, {"limit", nullptr}};
  record.save_latents = true;
  record.mesh = "data=2";
  record.numerics = {{"device", "CPU"}, {"dtype", "fp32"}, {"threads", 1}, {"inner_mesh", "1"}};
  record.versions = {{"ditmesh", "0.1.0"}};
  record.attempts = {{{"number", 1}, {"started", "2026-11-24T09:00:00Z"}, {"ranks", 2}}};
  record.content_hash = std::string(64, 'd');
  return record;
}

TEST(JobRecord, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  EXPECT_FALSE(JobRecord::read(folder.path()).has_value());
  record().write(folder.path());
  EXPECT_EQ(JobRecord::read(folder.path()), record());
  EXPECT_EQ(JobRecord::read(folder.path())->to_json().dump(), record().to_json().dump()) << "in this order";
  EXPECT_FALSE(JobRecord::read(folder.path(), {0, 2}).has_value());

  JobRecord part = record();
  part.part = {1, 2};
  part.content_hash.clear();
  part.write(folder.path());
  EXPECT_EQ(JobRecord::read(folder.path(), {1, 2}), part);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "job.part-1-of-2.json"));
  EXPECT_THAT(read_job_records(folder.path()), ElementsAre(record(), part));
}

TEST(JobRecord, CanBeReadByPeople) {
  const TemporaryFolder folder;
  record().write(folder.path());
  EXPECT_THAT(read_file(folder.path() / "job.json"),
              AllOf(HasSubstr("\n  \"shard_size\": 4,\n"), HasSubstr("\n    \"rows_sha256\": \"ccc"),
                    HasSubstr("\n    \"16x24-000001\": 2,\n    \"16x24-000000\": 4\n")));
}

TEST(JobRecord, SurvivesTextsThatAreNoUtf8) {
  const TemporaryFolder folder;
  JobRecord odd = record();
  odd.settings["output"]["value"] = "caf\xe9";
  odd.write(folder.path());
  EXPECT_EQ(JobRecord::read(folder.path())->settings["output"]["value"], "caf\xef\xbf\xbd");
}

TEST(JobRecord, NamesWhatIsWrongInTheFile) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& text) {
    folder.write("job.json", text);
    return error_of<ConfigError>([&] { JobRecord::read(folder.path()); });
  };
  EXPECT_THAT(error("{\n  \"part\": }"),
              AllOf(HasSubstr("job.json: line 2, column 11: "), HasSubstr("fetch or write")));
  EXPECT_THAT(error("[]"), HasSubstr("job.json must hold a JSON object"));
  EXPECT_THAT(error("{}"), HasSubstr("job.json: field 'format_version' is missing"));
  const std::string good = record().to_json().dump();
  const auto with = [&](const std::string& path, const OrderedJson& value) {
    OrderedJson json = OrderedJson::parse(good);
    json[OrderedJson::json_pointer(path)] = value;
    return error(json.dump());
  };
  EXPECT_THAT(with("/format_version", 9),
              AllOf(HasSubstr("job.json has format version 9, this ditmesh reads version 1"),
                    HasSubstr("the version of ditmesh that wrote it")));
  EXPECT_THAT(with("/model", "flux"), HasSubstr("job.json: field 'model' must hold a JSON object"));
  EXPECT_THAT(with("/manifest/num_rows", "3"),
              HasSubstr("job.json: field 'manifest': field 'num_rows' has the wrong type: \"3\""));
  EXPECT_THAT(with("/shards", {{"16x24-000000", 0}}),
              HasSubstr("field 'shards': field '16x24-000000' must be at least 1, found 0"));
  EXPECT_THAT(with("/part/index", 1), HasSubstr("job.json: part 1/1 does not exist"));
  EXPECT_THAT(with("/attempts", {{{"started", "now"}}}),
              HasSubstr("job.json: attempts: field 'number' is missing"));
  EXPECT_THAT(with("/attempts", 3), HasSubstr("field 'attempts' has the wrong type"));
  for (const char* field : {"settings", "model", "manifest", "num_samples", "shard_size", "sampling",
                            "numerics", "attempts", "shards", "extended_at", "mesh"}) {
    OrderedJson json = OrderedJson::parse(good);
    json.erase(field);
    EXPECT_THAT(error(json.dump()), HasSubstr(cat("field '", field, "' is missing")));
  }
}

TEST(JobRecord, NumbersAttempts) {
  JobRecord job;
  EXPECT_EQ(job.next_attempt(), 1);
  job.set_attempt({{"number", 1}, {"started", "a"}});
  job.set_attempt({{"number", 2}, {"started", "b"}});
  EXPECT_EQ(job.next_attempt(), 3);
  job.set_attempt({{"number", 2}, {"started", "b"}, {"ended_by", "done"}});
  EXPECT_EQ(job.attempts.size(), 2U);
  EXPECT_EQ(job.attempts[1]["ended_by"], "done");
}

TEST(JobDifferences, AreNamedWithBothValues) {
  const struct {
    std::function<void(JobRecord&)> change;
    const char* sampling;
    const char* numerics;
  } kCases[] = {
      {[](JobRecord&) {}, nullptr, nullptr},
      {[](JobRecord& r) { r.model_hash = std::string(64, 'e'), r.model_name = "schnell"; },
       "the model was flux (hash aaaaaaaaaaaa), is schnell (hash eeeeeeeeeeee) now", nullptr},
      {[](JobRecord& r) { r.sampling["steps"] = 30; }, "--steps was 28, is 30 now", nullptr},
      {[](JobRecord& r) { r.sampling["true_cfg"] = 2; }, "--true-cfg was 1.5, is 2 now", nullptr},
      {[](JobRecord& r) { r.sampling["negative_prompt"] = "blur"; },
       "--negative-prompt was empty, is blur now", nullptr},
      {[](JobRecord& r) { r.sampling["limit"] = 2; }, "--limit was not given, is 2 now", nullptr},
      {[](JobRecord& r) { r.sampling.erase("steps"); }, "--steps was 28, is not given now", nullptr},
      {[](JobRecord& r) { r.sampling["guidance"] = 3.5; }, "--guidance was not given, is 3.5 now", nullptr},
      {[](JobRecord& r) { r.save_latents = false; }, "--save-latents was on, is off now", nullptr},
      {[](JobRecord& r) { r.image_format = "png"; }, "--image-format was raw, is png now", nullptr},
      {[](JobRecord& r) { r.shard_size = 5; }, "--shard-size was 4, is 5 now", nullptr},
      {[](JobRecord& r) { r.numerics["device"] = "H100"; }, nullptr, "the device was CPU, is H100 now"},
      {[](JobRecord& r) { r.numerics["dtype"] = "bf16"; }, nullptr, "--dtype was fp32, is bf16 now"},
      {[](JobRecord& r) { r.numerics["inner_mesh"] = "cfg=2"; }, nullptr,
       "the inner mesh (--mesh without data) was 1, is cfg=2 now"},
      {[](JobRecord& r) { r.mesh = "data=7", r.manifest_sha256 = "x", r.versions = nullptr; }, nullptr,
       nullptr},
  };
  for (const auto& [change, sampling, numerics] : kCases) {
    JobRecord now = record();
    change(now);
    const auto expect = [](const std::vector<std::string>& found, const char* expected) {
      if (expected == nullptr) {
        EXPECT_THAT(found, IsEmpty());
      } else {
        EXPECT_THAT(found, ElementsAre(expected));
      }
    };
    expect(sampling_differences(record(), now), sampling);
    expect(numerics_differences(record(), now), numerics);
    EXPECT_EQ(manifest_change(record(), now), ManifestChange::none);
  }
}

TEST(JobDifferences, EndInErrorsWithAWayOut) {
  EXPECT_STREQ(
      other_sampling_error("out", {"--steps was 28, is 30 now", "--seed was 1, is 2 now"}).what(),
      "the job in \"out\" makes other samples: --steps was 28, is 30 now; --seed was 1, is 2 now: give the "
      "settings that it was begun with (job.json), or choose another --output");
  EXPECT_STREQ(
      other_numerics_error("out", {"--dtype was fp32, is bf16 now"}).what(),
      "the job in \"out\" was begun with settings that may give other bits: --dtype was fp32, is bf16 now: "
      "give those that it was begun with (job.json), or --allow-different-numerics, which is recorded");
}

TEST(JobDifferences, TellAGrownManifestFromAnotherOne) {
  JobRecord now = record();
  now.manifest_rows_sha256 = std::string(64, 'e');
  EXPECT_EQ(manifest_change(record(), now), ManifestChange::other);
  EXPECT_THAT(
      other_manifest_error("out", record(), now).what(),
      AllOf(HasSubstr("the job in \"out\" has another manifest: it was prompts.csv with 3 rows (SHA-256 of "
                      "them cccccccccccc), is prompts.csv with 3 rows (SHA-256 of them eeeeeeeeeeee) now"),
            ::testing::Not(HasSubstr("--extend"))));
  now.manifest_num_rows = 4;
  EXPECT_EQ(manifest_change(record(), now), ManifestChange::grown);
  EXPECT_THAT(other_manifest_error("out", record(), now).what(),
              HasSubstr("; --extend goes on if the old rows are the beginning of the new ones"));
  now.manifest_rows_sha256 = record().manifest_rows_sha256;
  EXPECT_EQ(manifest_change(record(), now), ManifestChange::none);
}

TEST(JobDifferences, PartsAgreeWhenOneWasExtendedBeyondTheOther) {
  JobRecord shorter = record();
  shorter.extended_at = {};
  EXPECT_TRUE(manifests_agree(shorter, shorter));
  JobRecord longer = shorter;
  longer.manifest_rows_sha256 = std::string(64, 'e');
  longer.manifest_num_rows += 1;
  longer.num_samples += 2;
  EXPECT_FALSE(manifests_agree(shorter, longer));
  longer.extended_at = {shorter.num_samples};
  EXPECT_TRUE(manifests_agree(shorter, longer));
  EXPECT_TRUE(manifests_agree(longer, shorter));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/export.hpp"

#include <map>

#include "damage.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/export_text.hpp"
#include "ditmesh/dataset/png.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Job;
using testing::TemporaryFolder;

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;  // content by path

Files files_of(const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  }
  return files;
}

std::vector<std::string> names_of(const Files& files) {
  std::vector<std::string> names;
  for (const auto& [name, content] : files) names.push_back(name);
  return names;
}

std::vector<Json> json_lines(const fs::path& path) {
  std::vector<Json> lines;
  for (const std::string& line : split(read_file(path), '\n')) {
    if (!line.empty()) lines.push_back(Json::parse(line));
  }
  return lines;
}

// Members by name, as plain ustar has them.
Files tar_members(const std::string& bytes) {
  Files members;
  for (size_t at = 0; bytes[at] != '\0';) {
    const std::string name = bytes.substr(at, 100).c_str();
    const size_t size = std::stoul(bytes.substr(at + 124, 11), nullptr, 8);
    members[name] = bytes.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  return members;
}

// Nine rows, two copies each, of two sizes, in shards of four.
Job some_job(int64_t num_rows = 9) {
  std::vector<std::string> prompts;
  for (int64_t i = 0; i < num_rows; ++i) prompts.push_back(cat("prompt ", i));
  Manifest manifest = manifest_from_prompts(prompts);
  for (size_t i = 0; i < prompts.size(); ++i) manifest.rows[i].id = cat("id.", i, "/x");
  for (size_t i = 1; i < prompts.size(); i += 3) manifest.rows[i].height = 8;
  SamplingDefaults defaults = testing::small_pictures();
  defaults.images_per_prompt = 2;
  return {manifest, defaults, {4, 1}};
}

class Exports : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const TemporaryFolder elsewhere_;
  const fs::path data_ = folder_.path() / "data";
  const fs::path to_ = elsewhere_.path() / "to";

  std::string error(const ExportSettings& settings) const {
    return error_of<ConfigError>([&] { export_dataset(data_, to_, settings); });
  }
};

ExportSettings tars(int64_t samples_per_tar) {
  ExportSettings settings;
  settings.format = ExportFormat::webdataset;
  settings.samples_per_tar = samples_per_tar;
  return settings;
}

TEST_F(Exports, MakeAnImageFolder) {
  some_job().write_all(data_);
  const Dataset dataset(data_);
  EXPECT_EQ(export_dataset(data_, to_, {}), (PieceResult{18, 0, ""}));
  EXPECT_THAT(names_of(files_of(to_)),
              AllOf(::testing::SizeIs(20), ::testing::Contains("export.json"),
                    ::testing::Contains("metadata.jsonl"), ::testing::Contains("images/id.0%2Fx-1.png")));
  const auto lines = json_lines(to_ / "metadata.jsonl");
  ASSERT_EQ(lines.size(), 18U);
  for (int64_t i = 0; i < 18; ++i) {
    const Json& line = lines[static_cast<size_t>(i)];
    const std::string name = line["file_name"];
    EXPECT_EQ(line["id"], dataset.row(i).sample.id);
    EXPECT_EQ(line["text"], dataset.row(i).sample.prompt);
    EXPECT_EQ(line["seed"], dataset.row(i).sample.seed);
    const std::string png = read_file(to_ / name);
    EXPECT_EQ(decode_png(png, name), dataset.pixels(i)) << name;
    EXPECT_THAT(png, AllOf(HasSubstr("parameters"), HasSubstr(parameters_of(dataset.row(i).sample)),
                           HasSubstr(cat("\"sha256\":\"", dataset.row(i).sha256))));
  }
  const Json about = read_json_file(to_ / "export.json");
  EXPECT_EQ(about["complete"], true);
  EXPECT_EQ(about["num_pictures"], 18);
  EXPECT_EQ(about["source"]["content_hash"], dataset.content_hash());
}

TEST_F(Exports, MakeTars) {
  some_job().write_all(data_);
  const Dataset dataset(data_);
  EXPECT_EQ(export_dataset(data_, to_, tars(7)).num_written, 18);
  EXPECT_THAT(names_of(files_of(to_)), ElementsAre("00000.tar", "00001.tar", "00002.tar", "export.json"));
  for (int64_t i = 0; i < 18; ++i) {
    const DatasetRow& row = dataset.row(i);
    const Files members = tar_members(read_file(to_ / cat("0000", i / 7, ".tar")));
    EXPECT_EQ(members.size(), i < 14 ? 21U : 12U);
    const std::string key = cat("id%2E", row.sample.row, "%2Fx-", row.sample.copy);
    EXPECT_EQ(decode_png(members.at(cat(key, ".png")), key), dataset.pixels(i));
    EXPECT_EQ(members.at(cat(key, ".txt")), row.sample.prompt);
    EXPECT_EQ(Json::parse(members.at(cat(key, ".json")))["sha256"], row.sha256);
  }
}

TEST_F(Exports, KeepTheBytesOfEncodedPictures) {
  const std::map<std::string, std::string> extensions = {
      {"png", ".png"}, {"webp", ".webp"}, {"jpeg:60", ".jpg"}};
  for (const auto& [format, extension] : extensions) {
    const TemporaryFolder folder;
    const fs::path data = folder.path() / "data";
    some_job(2).write_all(data, {}, ImageFormat::parse(format));
    export_dataset(data, folder.path() / "tars", tars(100));
    const Files members = tar_members(read_file(folder.path() / "tars/00000.tar"));
    EXPECT_EQ(sha256_hex(members.at(cat("id%2E1%2Fx-0", extension))), Dataset(data).row(2).encoded_sha256);
    export_dataset(data, folder.path() / "png", {});
    EXPECT_EQ(decode_png(read_file(folder.path() / "png/images/id.1%2Fx-0.png"), "x"),
              Dataset(data).pixels(2))
        << format;
  }
}

TEST_F(Exports, ShareSamplesOut) {
  some_job().write_all(data_);
  ExportSettings settings;
  settings.splits = Splits::parse("train=0.6,test=0.4");
  export_dataset(data_, to_, settings);
  size_t num_lines = 0;
  for (const char* name : {"test", "train"}) {
    for (const Json& line : json_lines(to_ / name / "metadata.jsonl")) {
      ++num_lines;
      EXPECT_EQ(settings.splits.names()[settings.splits.of(line["id"].get<std::string>())], name);
      EXPECT_TRUE(fs::exists(to_ / name / line["file_name"].get<std::string>()));
    }
  }
  EXPECT_EQ(num_lines, 18U);
  const Json about = read_json_file(to_ / "export.json");
  EXPECT_EQ(about["splits"]["test"].get<int>() + about["splits"]["train"].get<int>(), 18);
}

TEST_F(Exports, UseFoldersForManyPictures) {
  SamplingDefaults defaults;
  defaults.height = defaults.width = 16;
  defaults.images_per_prompt = 1001;
  Job(manifest_from_prompts({"a"}), defaults, {}).write_all(data_);
  export_dataset(data_, to_, {});
  EXPECT_EQ(json_lines(to_ / "metadata.jsonl").back()["file_name"], "images/00001/0-1000.png");
  EXPECT_TRUE(fs::exists(to_ / "images/00000/0-999.png"));
  EXPECT_TRUE(fs::exists(to_ / "images/00001/0-1000.png"));
}

// Ranks that share the pieces, and attempts that end behind any of them, leave the same files.
TEST_F(Exports, GoOnWhereTheyStopped) {
  some_job().write_all(data_);
  ExportSettings png;
  png.splits = Splits::parse("a=0.5,b=0.5");
  for (const ExportSettings& settings : {tars(4), png}) {
    const TemporaryFolder folder;
    const fs::path to = folder.path() / "to";
    export_dataset(data_, folder.path() / "undisturbed", settings);
    const size_t num_pieces = Export(data_, to, settings).plan().pieces.size();
    ASSERT_GT(num_pieces, 1U);
    for (size_t done = 0; done < num_pieces; ++done) {
      Export first(data_, to, settings);
      Export second(data_, to, settings);  // another rank
      const auto left = first.begin();
      EXPECT_EQ(left.size(), num_pieces - done);
      (done % 2 == 0 ? first : second).write_piece(left.back());
      EXPECT_THAT(names_of(files_of(to)), ::testing::Each(AnyOf("export.json", HasSubstr(".export/"))))
          << "nothing looks finished";
      EXPECT_EQ(read_json_file(to / "export.json")["complete"], false);
    }
    Export last(data_, to, settings);
    EXPECT_THAT(last.begin(), IsEmpty());
    EXPECT_EQ(last.finish().num_written, 18);
    EXPECT_EQ(files_of(to), files_of(folder.path() / "undisturbed"));
    Export again(data_, to, settings);
    EXPECT_THAT(again.begin(), IsEmpty());
    EXPECT_TRUE(again.is_complete());
    EXPECT_EQ(again.finish().num_written, 18);
  }
}

TEST_F(Exports, RefuseAnotherExportInTheSamePlace) {
  some_job().write_all(data_);
  Export(data_, to_, tars(4)).begin();
  EXPECT_THAT(error(tars(5)), AllOf(HasSubstr("holds an export with other settings"),
                                    HasSubstr("--samples-per-tar was 4, is 5 now"), HasSubstr("--to")));
  some_job(8).write_all(folder_.path() / "other");
  EXPECT_THAT(error_of<ConfigError>([&] { export_dataset(folder_.path() / "other", to_, tars(4)); }),
              AllOf(HasSubstr("an export of another dataset: content_hash was"),
                    HasSubstr("num_samples was 18, is 16 now")));
  export_dataset(data_, to_, tars(4));
  EXPECT_THAT(error({}), HasSubstr("--format was webdataset, is png now"));
}

TEST_F(Exports, RefuseWhatIsThere) {
  some_job().write_all(data_);
  elsewhere_.write("to/notes.txt", "mine");
  EXPECT_THAT(error({}), AllOf(HasSubstr("is not empty"), HasSubstr("new folder")));
  EXPECT_EQ(read_file(to_ / "notes.txt"), "mine");
  fs::remove_all(to_);
  elsewhere_.write("to", "a file");
  EXPECT_THAT(error({}), HasSubstr("is a file"));
  fs::remove(to_);
  elsewhere_.write("to/export.json", "[]");
  EXPECT_THAT(error({}), HasSubstr("is no JSON object"));
}

TEST_F(Exports, FindPixelsThatAreNotWhatTheyWere) {
  some_job().write_all(data_);
  testing::DamagedFile(data_ / "shards/16x24-000001.h5").flip_pixel("16x24/images", 2 * 16 * 24 * 3);
  for (const ExportSettings& settings : {ExportSettings(), tars(1)}) {
    const TemporaryFolder folder;
    const fs::path to = folder.path() / "to";
    EXPECT_THAT(
        error_of<EnvironmentError>([&] { export_dataset(data_, to, settings); }),
        AllOf(HasSubstr("sample 'id.5/x' copy 0 in the shard 16x24-000001: the pixels have the SHA-256"),
              HasSubstr("--unverified")));
    EXPECT_THAT(names_of(files_of(to)), ::testing::Each(AnyOf("export.json", HasSubstr(".export/"))));
    ExportSettings unverified = settings;
    unverified.is_verified = false;
    EXPECT_EQ(export_dataset(data_, folder.path() / "unverified", unverified), (PieceResult{18, 0, ""}));
  }
}

TEST_F(Exports, LeaveOutWhatCannotBeReadWhenToldTo) {
  some_job().write_all(data_);
  fs::resize_file(data_ / "shards/8x24-000000.h5", 3000);
  EXPECT_THAT(error_of<EnvironmentError>([&] { export_dataset(data_, to_, {}); }),
              AllOf(HasSubstr("sample 'id.1/x' copy 0 in the shard 8x24-000000"), HasSubstr("is damaged")));
  fs::remove(data_ / "shards/16x24-000002.h5");
  EXPECT_THAT(error_of<EnvironmentError>([&] { export_dataset(data_, to_, {}); }),
              HasSubstr("the index names 1 shard that is not there: 16x24-000002"));
  fs::remove_all(to_);
  ExportSettings unverified;
  unverified.is_verified = false;
  EXPECT_EQ(export_dataset(data_, to_, unverified),
            (PieceResult{10, 8, "sample 'id.1/x' copy 0 in the shard 8x24-000000"}));
  EXPECT_EQ(json_lines(to_ / "metadata.jsonl").size(), 10U);
  EXPECT_EQ(read_json_file(to_ / "export.json")["num_unreadable"], 8);
}

TEST_F(Exports, RefuseADatasetThatIsNotComplete) {
  const Job job = some_job();
  job.journal_all(data_, 0);
  job.write(data_, 0);
  EXPECT_THAT(error({}), AllOf(HasSubstr("is not finished: it has no dataset.h5"), HasSubstr("4 done"),
                               HasSubstr("ditmesh index"), HasSubstr("--unverified")));
  ExportSettings unverified;
  unverified.is_verified = false;
  EXPECT_THAT(error(unverified), HasSubstr("is not finished")) << "nothing says what there is";
  write_index(data_);
  EXPECT_EQ(export_dataset(data_, elsewhere_.path() / "first", {}).num_written, 4);
  job.journal_all(data_, 1);
  job.write(data_, 1);
  EXPECT_THAT(error_of<EnvironmentError>([&] { export_dataset(data_, to_, {}); }),
              AllOf(HasSubstr("is not in the index: 16x24-000001"), HasSubstr("ditmesh index")));
}

TEST_F(Exports, TellOfAFullDisk) {
  some_job().write_all(data_);
  {
    const FileSizeLimit limit(4096);
    EXPECT_THAT(error_of<EnvironmentError>([&] { export_dataset(data_, to_, tars(100)); }),
                HasSubstr("cannot write"));
  }
  EXPECT_EQ(export_dataset(data_, to_, tars(100)).num_written, 18) << "and go on";
}

TEST_F(Exports, MakeAContactSheet) {
  some_job().write_all(data_);
  ExportSettings settings;
  settings.format = ExportFormat::contact_sheet;
  settings.where = {{"bucket", "8x24"}};
  const SheetExport exported = export_contact_sheet(data_, to_, settings);
  EXPECT_EQ(exported.sheet.num_shown, 6);
  EXPECT_EQ(exported.sheet.num_available, 6);
  EXPECT_EQ(decode_png(read_file(to_), "sheet"), exported.sheet.image);
  EXPECT_THAT(error_of<ConfigError>([&] { export_contact_sheet(data_, elsewhere_.path(), settings); }),
              HasSubstr("is a folder"));
  settings.splits = Splits::parse("a=1");
  EXPECT_THAT(error_of<ConfigError>([&] { export_contact_sheet(data_, to_, settings); }),
              HasSubstr("one picture"));
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/export_text.hpp"

#include "helpers.hpp"

namespace ditmesh {
namespace {

struct NameCase {
  std::string id;
  std::string name;
  std::string key;
};

class NamesOfIds : public ::testing::TestWithParam<NameCase> {};

TEST_P(NamesOfIds, AreSafe) {
  EXPECT_EQ(file_name_of_id(GetParam().id), GetParam().name);
  EXPECT_EQ(key_of_id(GetParam().id), GetParam().key);
}

INSTANTIATE_TEST_SUITE_P(
    Table, NamesOfIds,
    ::testing::Values(NameCase{"cat-1_a.b", "cat-1_a.b", "cat-1_a%2Eb"}, NameCase{"a/b", "a%2Fb", "a%2Fb"},
                      NameCase{"..", "%2E.", "%2E%2E"}, NameCase{"forêt", "for%C3%AAt", "for%C3%AAt"},
                      NameCase{"50%", "50%25", "50%25"}, NameCase{"a b", "a%20b", "a%20b"},
                      NameCase{"~", "%7E", "%7E"}, NameCase{"-x", "-x", "-x"}));

TEST(NamesOfLongIds, AreCutAndStayDifferent) {
  for (const auto encode : {file_name_of_id, key_of_id}) {
    const std::string a = encode(std::string(255, '/') + "a");
    const std::string b = encode(std::string(255, '/') + "b");
    EXPECT_EQ(a.size(), 200U);
    EXPECT_NE(a, b);
  }
  EXPECT_EQ(key_of_id(std::string(256, '.')).size(), 200U);
}

DatasetRow row() {
  DatasetRow row;
  row.sample.id = "a";
  row.sample.prompt = "a cat,\nasleep";
  row.sample.seed = 7;
  row.sample.height = 16;
  row.sample.width = 24;
  row.sample.steps = 28;
  row.sample.guidance = 3.5F;
  row.sample.true_cfg = 1;
  row.sample.further = {"oil", "old.png", "b"};
  row.sha256 = "0";
  return row;
}

TEST(Parameters, AreWhatOtherToolsRead) {
  Sample sample = row().sample;
  EXPECT_EQ(parameters_of(sample),
            "a cat,\nasleep\nSteps: 28, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 7, Size: 24x16");
  sample.negative_prompt = "blurry";
  sample.true_cfg = 4;
  EXPECT_EQ(
      parameters_of(sample),
      "a cat,\nasleep\nNegative prompt: blurry\nSteps: 28, CFG scale: 4, Distilled CFG Scale: 3.5, Seed: "
      "7, Size: 24x16");
}

TEST(Metadata, KeepsNamesThatAreTakenApart) {
  const std::vector<std::string> further = {"style", "file_name", "text"};
  const OrderedJson json = metadata_of(row(), further, "images/a.png");
  EXPECT_EQ(json.begin().key(), "file_name");
  EXPECT_EQ(json["file_name"], "images/a.png");
  EXPECT_EQ(json["text"], "a cat,\nasleep");
  EXPECT_EQ(json["style"], "oil");
  EXPECT_EQ(json["file_name_in_manifest"], "old.png");
  EXPECT_EQ(json["text_in_manifest"], "b");
  EXPECT_FALSE(json.contains("seed_in_manifest"));
  const OrderedJson without_file = metadata_of(row(), further);
  EXPECT_FALSE(without_file.contains("file_name"));
  EXPECT_EQ(without_file["file_name_in_manifest"], "old.png");
  EXPECT_EQ(json_line({{"text", "a\xff"}}), "{\"text\":\"a\xEF\xBF\xBD\"}") << "one line, whatever the bytes";
}

}  // namespace
}  // namespace ditmesh

#include "ditmesh/dataset/manifest.hpp"

#include <iostream>
#include <sstream>

#include "ditmesh/base/hash.hpp"
#include "ditmesh/dataset/job_samples.hpp"
#include "ditmesh/dataset/sample_store.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::vector<std::string> prompts_of(const Manifest& manifest) {
  std::vector<std::string> prompts;
  for (const ManifestRow& row : manifest.rows) prompts.push_back(row.prompt);
  return prompts;
}

// Standard input is one for the process: a test lends it a text.
class StandardInput {
 public:
  explicit StandardInput(const std::string& text) : text_(text), before_(std::cin.rdbuf(text_.rdbuf())) {
    std::cin.clear();
  }
  ~StandardInput() { std::cin.rdbuf(before_); }

 private:
  std::istringstream text_;
  std::streambuf* before_;
};

struct PromptCase {
  const char* name;
  std::string file;
  std::string content;
  std::vector<std::string> prompts;
  int64_t num_blank_lines = 0;
};

class ManifestPrompts : public ::testing::TestWithParam<PromptCase> {};

TEST_P(ManifestPrompts, AreRead) {
  const PromptCase& given = GetParam();
  const TemporaryFolder folder;
  const Manifest manifest = read_manifest(folder.write(given.file, given.content));
  EXPECT_EQ(prompts_of(manifest), given.prompts);
  EXPECT_EQ(manifest.num_blank_lines, given.num_blank_lines);
  EXPECT_EQ(manifest.num_rows, static_cast<int64_t>(given.prompts.size()));
  EXPECT_EQ(manifest.sha256, sha256_hex(given.content));
}

TEST_P(ManifestPrompts, AreReadInOnePassAsInMemory) {
  const PromptCase& given = GetParam();
  const TemporaryFolder folder;
  const std::string path = folder.write(given.file, given.content);
  const Manifest manifest = read_manifest(path);
  const JobSamples job = read_job_samples({path, {}}, {}, {}, {}, folder.path() / "samples");
  EXPECT_EQ(job.manifest.sha256, manifest.sha256);
  EXPECT_EQ(job.manifest.rows_sha256, manifest.rows_sha256);
  const SampleList samples = make_samples(manifest, {});
  const SampleStore store(folder.path() / "samples");
  ASSERT_EQ(store.size(), samples.size());
  for (int64_t i = 0; i < samples.size(); ++i) EXPECT_EQ(store.sample(i), samples.sample(i));
  EXPECT_EQ(store.further_columns(), samples.further_columns());
}

INSTANTIATE_TEST_SUITE_P(
    Table, ManifestPrompts,
    ::testing::Values(
        PromptCase{"text", "a.txt", "a cat\na dog\n", {"a cat", "a dog"}},
        PromptCase{"no_line_end", "a.txt", "a cat\na dog", {"a cat", "a dog"}},
        PromptCase{"crlf_and_bom",
                   "a.txt",
                   "\xEF\xBB\xBF"
                   "a cat\r\na dog\r\n",
                   {"a cat", "a dog"}},
        PromptCase{"blank_lines", "a.txt", "\na cat\n \t\n\na dog\n\n", {"a cat", "a dog"}, 4},
        PromptCase{"unicode", "a.txt", "une forêt, 森 🌲\n", {"une forêt, 森 🌲"}},
        PromptCase{"text_keeps_quotes", "a.txt", "\"a\", # b\n", {"\"a\", # b"}},
        PromptCase{"csv", "a.csv", "prompt\na cat\n", {"a cat"}},
        PromptCase{"csv_quotes",
                   "a.csv",
                   "id,prompt\n1,\"a \"\"red\"\" cat, sitting\"\n",
                   {"a \"red\" cat, sitting"}},
        PromptCase{"csv_line_in_quotes", "a.csv", "prompt,id\r\n\"two\r\nlines\",1\r\n", {"two\nlines"}},
        PromptCase{"csv_blank_line_in_quotes", "a.csv", "prompt\n\"a\n\nb\"\n\n", {"a\n\nb"}, 1},
        PromptCase{"csv_bom_before_quote", "a.csv", "\xEF\xBB\xBF\"Prompt\",x\nhi,1\n", {"hi"}},
        PromptCase{"csv_quote_inside", "a.csv", "prompt\n6\" nails\n", {"6\" nails"}},
        PromptCase{"tsv", "a.tsv", "seed\tcaption\n1\ta, b\n", {"a, b"}},
        PromptCase{"upper_case_extension", "A.CSV", "TEXT\na\n", {"a"}},
        PromptCase{
            "json_lines", "a.jsonl", "{\"text\": \"a\\nb\"}\n\n{\"text\": \"\\u00e9\"}\n", {"a\nb", "é"}, 1}),
    [](const auto& test) { return test.param.name; });

TEST(Manifest, ReadsEveryKnownColumnByAllItsNames) {
  const TemporaryFolder folder;
  ManifestRow expected;
  expected.id = "cat-1";
  expected.prompt = "a cat";
  expected.negative_prompt = "a dog";
  expected.seed = 18446744073709551615U;
  expected.height = 512;
  expected.width = 768;
  expected.steps = 4;
  expected.guidance = 3.5F;
  expected.true_cfg = 2;
  for (const std::string header :
       {"id,prompt,negative_prompt,seed,height,width,steps,guidance,true_cfg",
        "id,caption,negative,seed,height,width,num_inference_steps,guidance_scale,cfg",
        "ID, Text ,NEGATIVE,Seed,Height,Width,num_steps,Guidance_Scale,true_cfg_scale"}) {
    const Manifest manifest = read_manifest(
        folder.write("a.csv", header + "\ncat-1,a cat,a dog,18446744073709551615,512, 768 ,4,3.5,2\n"));
    EXPECT_THAT(manifest.rows, ElementsAre(expected)) << header;
  }
}

TEST(Manifest, TakesNumbersAndTextsFromJsonAlike) {
  const TemporaryFolder folder;
  const Manifest manifest = read_manifest(folder.write(
      "a.jsonl",
      R"({"id": 7, "prompt": "a", "seed": 18446744073709551615, "steps": "5", "guidance": 2, "width": null})"));
  ManifestRow expected;
  expected.id = "7";
  expected.prompt = "a";
  expected.seed = 18446744073709551615U;
  expected.steps = 5;
  expected.guidance = 2;
  EXPECT_THAT(manifest.rows, ElementsAre(expected));
}

// What pandas makes of whole numbers in a column that has empty cells.
TEST(Manifest, TakesWholeNumbersWithAZeroFraction) {
  const TemporaryFolder folder;
  const Manifest manifest =
      read_manifest(folder.write("a.csv", "prompt,height,steps,seed\na,512.0,28.00,4294967295.0\nb,,,\n"));
  EXPECT_EQ(manifest.rows[0].height, 512);
  EXPECT_EQ(manifest.rows[0].steps, 28);
  EXPECT_EQ(manifest.rows[0].seed, 4294967295U);
  EXPECT_FALSE(manifest.rows[1].height);
}

TEST(Manifest, CarriesFurtherColumnsAsTexts) {
  const TemporaryFolder folder;
  const Manifest manifest =
      read_manifest(folder.write("a.jsonl", R"({"prompt": "a", "style": "oil", "tags": ["x", 1]}
{"prompt": "b", "score": 0.5, "style": null, "status": "old"}
)"));
  // `status` is a column of ours in the dataset.
  EXPECT_THAT(manifest.further_columns, ElementsAre("style", "tags", "score", "status_in_manifest"));
  EXPECT_THAT(manifest.rows[0].further, ElementsAre("oil", "[\"x\",1]"));
  EXPECT_THAT(manifest.rows[1].further, ElementsAre("", "", "0.5", "old"));
}

TEST(Manifest, PromptColumnSettlesWhichOneIsMeant) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.csv", "caption,text,recaption,prompt\nc,t,r,p\n");
  ManifestOptions options;
  options.prompt_column = "recaption";
  const Manifest manifest = read_manifest(path, options);
  EXPECT_THAT(prompts_of(manifest), ElementsAre("r"));
  EXPECT_THAT(manifest.further_columns, ElementsAre("caption", "text", "prompt_in_manifest"));
}

TEST(Manifest, IdsAreTheirOwnOrTheRowNumber) {
  const TemporaryFolder folder;
  const Manifest manifest = read_manifest(folder.write("a.csv", "id,prompt\n\nx,a\n,b\nforêt/1,c\n"));
  EXPECT_EQ(manifest.id(0), "x");
  EXPECT_EQ(manifest.id(1), "1");
  EXPECT_EQ(manifest.id(2), "forêt/1");
}

// Literal by Python, with t = lambda s: struct.pack("<I", len(s.encode())) + s.encode():
// hashlib.sha256(b"\x29" + t("x") + t("a") + t("") + struct.pack("<QifI", 7, 4, 2.5, 2) + t("lens") + t("35
// mm")
//                + t("style") + t("oil") + b"\0" + t("") + t("forêt") + t("") + struct.pack("<I", 0))
TEST(Manifest, HasAHashOfItsRowsThatIsNotThatOfItsBytes) {
  const TemporaryFolder folder;
  const std::string hash = "7bd9234e41eeea1f98f60469191eb8b213c6bfcc5407908260855d6cadca4718";
  const std::string csv = "id,prompt,seed,steps,style,true_cfg,lens\nx,a,7,4,oil,2.5,35 mm\n,forêt,,,,,\n";
  EXPECT_EQ(read_manifest(folder.write("a.csv", csv)).rows_sha256, hash);
  const std::string other_order =
      "lens,true_cfg,style,steps,seed,prompt,id\n\n35 mm,2.5,oil,4,7,a,x\n,,,,,forêt,\n";
  EXPECT_EQ(read_manifest(folder.write("b.csv", other_order)).rows_sha256, hash);
  const std::string json =
      R"({"text": "a", "cfg": 2.5, "id": "x", "seed": 7, "num_steps": 4, "style": "oil", "lens": "35 mm"}
{"text": "forêt", "style": null})";
  EXPECT_EQ(read_manifest(folder.write("a.jsonl", json)).rows_sha256, hash);

  const std::string text_hash = read_manifest(folder.write("a.txt", "a\nb\n")).rows_sha256;
  EXPECT_EQ(read_manifest(folder.write("b.txt", "\r\na\r\n\r\nb")).rows_sha256, text_hash);
  for (const char* other : {"b\na\n", "a\n", "a\nb\nc\n", "a\nb \n"}) {
    EXPECT_NE(read_manifest(folder.write("c.txt", other)).rows_sha256, text_hash) << other;
  }
}

TEST(Manifest, SaysWhetherItBeginsWithAnOlderOne) {
  const TemporaryFolder folder;
  const Manifest old = read_manifest(folder.write("old.csv", "prompt,style\na,oil\nb,\n"));
  const auto extends = [&](const std::string& name, const std::string& content) {
    ManifestOptions options;
    options.older = OlderManifest{old.num_rows, old.rows_sha256};
    return read_manifest(folder.write(name, content), options).extends_older;
  };
  EXPECT_TRUE(extends("a.csv", "prompt,style\na,oil\nb,\n"));
  EXPECT_TRUE(extends("a.csv", "prompt,style\na,oil\nb,\nc,ink\n"));
  EXPECT_TRUE(extends("a.csv", "seed,style,prompt\n,oil,a\n,,b\n3,,c\n"));
  EXPECT_TRUE(extends("a.jsonl", "{\"prompt\":\"a\",\"style\":\"oil\"}\n{\"prompt\":\"b\"}\n"));
  EXPECT_FALSE(extends("a.csv", "prompt,style\na,oil\nb,ink\nc,\n"));
  EXPECT_FALSE(extends("a.csv", "prompt,style\nc,\na,oil\nb,\n"));
  EXPECT_FALSE(extends("a.csv", "prompt,style\na,oil\n"));
  EXPECT_FALSE(old.extends_older) << "nobody asked";
}

TEST(Manifest, FindsIdsThatStandThereTwiceAmongMany) {
  const TemporaryFolder folder;
  const auto error_with = [&](const std::string& last_row) {
    std::string csv = "id,prompt\n\n";
    for (int i = 0; i < 5000; ++i) csv += i % 3 == 0 ? ",p\n" : cat("id-", i, ",p\n\n");
    const std::string path = folder.write("many.csv", csv + last_row);
    return error_of<ConfigError>([&] { read_manifest(path); });
  };
  EXPECT_EQ(error_with("id-5000,p\n"), "no error");
  EXPECT_EQ(error_with("4000,p\n"), "no error") << "row 4000 has an id of its own";
  // Row r is in line r + 3, and 2 blank lines stand before it for every 3 rows.
  EXPECT_THAT(error_with("id-4000,p\n"), HasSubstr("'id-4000' is that of line 6669 and of line 8336"));
  EXPECT_THAT(error_with("4002,p\n"), HasSubstr("'4002' is that of line 6673 and of line 8336"));
}

TEST(Manifest, LimitLeavesTheRestUnread) {
  const TemporaryFolder folder;
  ManifestOptions options;
  options.limit = 2;
  const std::string content = "prompt,seed\na,1\nb,2\nc,bad\n";
  const Manifest manifest = read_manifest(folder.write("a.csv", content), options);
  EXPECT_THAT(prompts_of(manifest), ElementsAre("a", "b"));
  EXPECT_EQ(manifest.sha256, sha256_hex(content)) << "the hash is that of the whole file";
}

TEST(Manifest, ReadsStandardInput) {
  {
    const StandardInput input("\na cat\n{a dog}\n");
    const Manifest manifest = read_manifest("-");
    EXPECT_THAT(prompts_of(manifest), ElementsAre("a cat", "{a dog}"));
    EXPECT_EQ(manifest.num_blank_lines, 1);
    EXPECT_EQ(manifest.name, "standard input");
  }
  {
    const StandardInput input("\xEF\xBB\xBF{\"prompt\": \"a cat\", \"seed\": 3}\n");
    EXPECT_EQ(read_manifest("-").rows.at(0).seed, 3U);
  }
  {
    const StandardInput input("a\nb\nc\n");
    ManifestOptions options;
    options.limit = 1;
    EXPECT_EQ(read_manifest("-", options).sha256, sha256_hex("a\n"));
    std::string next;
    std::getline(std::cin, next);
    EXPECT_EQ(next, "b") << "an endless stream must not be drained";
  }
}

TEST(Manifest, OfPromptsIsThatOfATextFile) {
  const TemporaryFolder folder;
  const Manifest from_file = read_manifest(folder.write("a.txt", "a cat\na dog\n"));
  const Manifest from_options = manifest_from_prompts({"a cat", "a dog"});
  EXPECT_EQ(from_options.rows, from_file.rows);
  EXPECT_EQ(from_options.sha256, from_file.sha256);
  EXPECT_EQ(from_options.rows_sha256, from_file.rows_sha256);
  EXPECT_THAT(error_of<ConfigError>([] {
                manifest_from_prompts({"a", " "});
              }),
              HasSubstr("--prompt 2 is empty"));
  EXPECT_THAT(error_of<ConfigError>([] { manifest_from_prompts({"\xFF"}); }),
              HasSubstr("--prompt 1 must be valid UTF-8"));
}

struct BadCase {
  const char* name;
  std::string file;
  std::string content;
  std::vector<std::string> message;
};

class BadManifest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadManifest, IsRefusedWithRuleNumbersAndRemedy) {
  const BadCase& given = GetParam();
  const TemporaryFolder folder;
  const std::string path = folder.write(given.file, given.content);
  const std::string error = error_of<ConfigError>([&] { read_manifest(path); });
  for (const std::string& part : given.message) EXPECT_THAT(error, HasSubstr(part));
}

TEST_P(BadManifest, IsRefusedInOnePassAsInMemory) {
  const BadCase& given = GetParam();
  const TemporaryFolder folder;
  const std::string path = folder.write(given.file, given.content);
  EXPECT_EQ(error_of<ConfigError>([&] {
              read_job_samples({path, {}}, {}, {}, {}, folder.path() / "samples");
            }),
            error_of<ConfigError>([&] { read_manifest(path); }));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "samples"));
}

const std::string kLongId(257, 'x');

INSTANTIATE_TEST_SUITE_P(
    Table, BadManifest,
    ::testing::Values(
        BadCase{"empty", "a.txt", "", {"at least one prompt, found none", "one prompt a line"}},
        BadCase{"only_blank", "a.txt", "\n \n", {"at least one prompt, found none"}},
        BadCase{"only_header", "a.csv", "prompt\n", {"at least one prompt, found none"}},
        BadCase{"extension", "a.xlsx", "x", {".txt, .csv, .tsv or .jsonl", "a.xlsx"}},
        BadCase{"not_utf8", "a.txt", "ok\nna\xEFve\n", {"line 2", "byte 3", "UTF-8"}},
        BadCase{"utf16",
                "a.txt",
                std::string("\xFF\xFEh\0i\0", 6),
                {"line 1", "byte 1", "save the file as UTF-8"}},
        BadCase{"nul", "a.txt", std::string("a\0b", 3), {"line 1", "byte 2 of the line is NUL"}},
        BadCase{"no_prompt_column",
                "a.csv",
                "id,promt\n1,a\n",
                {"no column is called prompt, caption or text", "found: id, promt", "--prompt-column"}},
        BadCase{"two_prompt_columns",
                "a.csv",
                "caption,text\na,b\n",
                {"'caption' and 'text' both mean prompt", "--prompt-column caption or --prompt-column text"}},
        BadCase{"two_prompt_columns_over_lines",
                "a.jsonl",
                "{\"caption\":\"a\"}\n{\"text\":\"b\"}\n",
                {"'caption' and 'text' both mean prompt"}},
        BadCase{"two_guidance_columns",
                "a.csv",
                "prompt,guidance,guidance_scale\na,1,1\n",
                {"'guidance' and 'guidance_scale' both mean guidance", "remove one"}},
        BadCase{"same_column_twice", "a.csv", "prompt,x,x\na,1,1\n", {"two columns are called 'x'"}},
        BadCase{"unnamed_column", "a.csv", "prompt,\na,1\n", {"every column needs a name"}},
        BadCase{"slash_in_column", "a.csv", "prompt,a/b\na,1\n", {"'a/b'", "must not be '.' or hold '/'"}},
        BadCase{"renamed_column_taken",
                "a.csv",
                "prompt,status,status_in_manifest\na,1,2\n",
                {"stored as 'status_in_manifest', which another column is", "rename or remove it"}},
        BadCase{"too_few_cells",
                "a.csv",
                "prompt,seed\na,1\nb\n",
                {"line 3", "the header has 2 columns, this line 1"}},
        BadCase{
            "unquoted_comma", "a.csv", "prompt\na, b\n", {"line 2", "1 columns, this line 2", "in quotes"}},
        BadCase{"open_quote", "a.csv", "prompt\n\"a\nb\n", {"line 2: a quote is opened and never closed"}},
        BadCase{"text_after_quote", "a.csv", "prompt\n\"a\"b\n", {"line 2: text follows a closing quote: b"}},
        BadCase{
            "empty_prompt", "a.csv", "prompt,seed\n,1\n", {"line 2: the prompt is empty", "remove the line"}},
        BadCase{"negative_seed",
                "a.csv",
                "prompt,seed\na,-1\n",
                {"line 2, column 'seed'", "0 to 2^64-1", "found '-1'", "leave it empty"}},
        BadCase{"seed_too_large",
                "a.csv",
                "prompt,seed\na,18446744073709551616\n",
                {"column 'seed'", "found '18446744073709551616'"}},
        BadCase{"json_seed_too_large",
                "a.jsonl",
                "{\"prompt\":\"a\",\"seed\":18446744073709551616}\n",
                {"line 1, column 'seed'", "0 to 2^64-1"}},
        BadCase{"fractional_seed",
                "a.jsonl",
                "{\"prompt\":\"a\",\"seed\":1.5}\n",
                {"column 'seed'", "found '1.5'"}},
        BadCase{"repeated_key",
                "a.jsonl",
                "{\"prompt\":\"a\",\"seed\":1,\"seed\":2}\n",
                {"line 1", "the key 'seed' stands there twice"}},
        BadCase{"zero_height",
                "a.csv",
                "prompt,height\na,0\n",
                {"column 'height'", "from 1 to 16384", "found '0'"}},
        BadCase{"wide",
                "a.csv",
                "prompt,width\na,20000\n",
                {"column 'width'", "from 1 to 16384", "found '20000'"}},
        BadCase{"steps_text",
                "a.csv",
                "prompt,num_steps\na,many\n",
                {"column 'num_steps'", "1 to 10000", "found 'many'"}},
        BadCase{"nan_guidance",
                "a.csv",
                "prompt,guidance\na,nan\n",
                {"column 'guidance'", "0 to 1000", "found 'nan'"}},
        BadCase{"negative_cfg", "a.csv", "prompt,cfg\na,-2\n", {"column 'cfg'", "found '-2'"}},
        BadCase{
            "long_id", "a.csv", "id,prompt\n" + kLongId + ",a\n", {"line 2", "at most 256 bytes, found 257"}},
        BadCase{
            "control_in_id", "a.csv", "id,prompt\na\x07,b\n", {"line 2", "control characters, found U+7"}},
        BadCase{"same_id_twice",
                "a.csv",
                "id,prompt\nx,a\n\ny,b\nx,c\n",
                {"'x' is that of line 2 and of line 5"}},
        BadCase{"id_is_a_row_number",
                "a.csv",
                "id,prompt\n1,a\n,b\n",
                {"'1' is that of line 2 and of line 3", "a row without an id has its number"}},
        BadCase{"id_is_an_earlier_row_number",
                "a.jsonl",
                "{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n\n{\"prompt\":\"c\",\"id\":1}\n",
                {"'1' is that of line 2 and of line 4"}},
        BadCase{
            "json_syntax", "a.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":\n", {"line 2: not a JSON object"}},
        BadCase{"json_array", "a.jsonl", "[1]\n", {"line 1: a JSON object is needed, found array"}},
        BadCase{"json_number_prompt",
                "a.jsonl",
                "{\"prompt\":7}\n",
                {"column 'prompt': a string is needed, found 7"}},
        BadCase{"json_nul", "a.jsonl", "{\"prompt\":\"a\\u0000b\"}\n", {"must not hold \\u0000"}},
        BadCase{"json_no_prompt",
                "a.jsonl",
                "{\"seed\":7}\n",
                {"line 1: no column is called prompt", "found: seed"}}),
    [](const auto& test) { return test.param.name; });

TEST(BadManifest, OptionsAreChecked) {
  const TemporaryFolder folder;
  const std::string csv = folder.write("a.csv", "prompt,recaption\na,b\n");
  const auto error = [](const std::string& path, const ManifestOptions& options) {
    return error_of<ConfigError>([&] { read_manifest(path, options); });
  };
  EXPECT_THAT(error(csv, {"recation", {}}),
              AllOf(HasSubstr("there is no column 'recation'"), HasSubstr("did you mean 'recaption'?")));
  EXPECT_THAT(error(folder.write("a.txt", "a\n"), {"caption", {}}), HasSubstr("needs columns"));
  EXPECT_THAT(error(csv, {"", 0}), HasSubstr("--limit must be at least 1, found 0"));
  EXPECT_THAT(error((folder.path() / "none.txt").string(), {}), HasSubstr("No such file"));
  std::filesystem::create_directory(folder.path() / "folder.txt");
  EXPECT_THAT(error((folder.path() / "folder.txt").string(), {}), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace ditmesh

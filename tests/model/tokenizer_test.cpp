// Token ids against transformers, for texts chosen to be awkward.

#include "ditmesh/model/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/json.hpp"
#include "model/golden.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Tokenizer, EveryTextInEveryLayout) {
  const auto folder = testing::golden_folder();
  if (!std::filesystem::exists(folder / "tokenizers.json")) GTEST_SKIP() << "no tokenizer goldens there";
  const Json goldens = read_json_file(folder / "tokenizers.json");
  for (const auto& [name, layout] : goldens["layouts"].items()) {
    SCOPED_TRACE(name);
    const bool clip = layout["kind"] == "clip";
    const auto path = folder / layout["folder"].get<std::string>();
    const auto tokenizer = clip ? load_clip_tokenizer(path) : load_t5_tokenizer(path);
    const auto length = layout["max_length"].get<int64_t>();
    size_t wrong = 0;
    for (const Json& text : goldens["texts"]) {
      const auto& of_layout = text.contains(name) ? text[name] : text[clip ? "clip" : "t5"];
      const auto expected = of_layout.get<std::vector<int64_t>>();
      const TokenIds tokens = tokenizer->encode(text["text"].get<std::string>(), length);
      ASSERT_EQ(static_cast<int64_t>(tokens.ids.size()), length);
      const std::vector<int64_t> start(tokens.ids.begin(),
                                       tokens.ids.begin() + static_cast<std::ptrdiff_t>(expected.size()));
      const std::vector<int64_t> padding(tokens.ids.begin() + static_cast<std::ptrdiff_t>(expected.size()),
                                         tokens.ids.end());
      const bool padded = padding.empty() || padding == std::vector<int64_t>(padding.size(), padding[0]);
      if (start == expected && padded) continue;
      ++wrong;
      ADD_FAILURE() << text.dump() << "\n got " << ::testing::PrintToString(tokens.ids);
      if (wrong > 5) break;
    }
  }
}

TEST(Tokenizer, TruncationIsReported) {
  const auto tokenizer = load_t5_tokenizer(testing::golden_folder() / "dev/model/tokenizer_2");
  EXPECT_FALSE(tokenizer->encode("a", 8).truncated);
  const TokenIds cut = tokenizer->encode("a b c d e f g h i j", 8);
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.ids.back(), 1);
}

TEST(Tokenizer, MissingFilesAreNamed) {
  const auto nowhere = std::filesystem::temp_directory_path();
  EXPECT_THAT([&] { load_clip_tokenizer(nowhere / "x"); },
              ThrowsMessage<ConfigError>(HasSubstr("neither tokenizer.json nor vocab.json and merges.txt")));
  EXPECT_THAT([&] { load_t5_tokenizer(nowhere / "x"); },
              ThrowsMessage<ConfigError>(HasSubstr("neither tokenizer.json nor spiece.model")));
}

}  // namespace
}  // namespace ditmesh

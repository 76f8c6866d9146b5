#include "ditmesh/dataset/contact_sheet.hpp"

#include <cstdlib>

#include "ditmesh/dataset/png.hpp"
#include "ditmesh/dataset/text_renderer.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using testing::picture_of;
using ::testing::SizeIs;
using testing::TemporaryFolder;

TEST(PickEvenly, TakesFirstAndLast) {
  EXPECT_THAT(pick_evenly(10, 4), ElementsAre(0, 3, 6, 9));
  EXPECT_THAT(pick_evenly(3, 4), ElementsAre(0, 1, 2));
  EXPECT_THAT(pick_evenly(5, 1), ElementsAre(0));
  EXPECT_THAT(pick_evenly(0, 4), IsEmpty());
}

// Set DITMESH_TEST_KEEP to a folder to look at the sheets.
void keep(const Image& image, const std::string& name) {
  if (const char* folder = std::getenv("DITMESH_TEST_KEEP"))
    write_png(std::filesystem::path(folder) / name, image);
}

const std::vector<std::string> kCaptions = {
    "a cat",
    "A photograph of an astronaut riding a horse across the dunes of Mars at sunset, 35 mm, film grain, very "
    "long",
    "une forêt d'automne, żółty liść, Ελληνικά, русский лес",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "日本の森 🌲 mixed",
    "",
};

TEST(ContactSheet, ShowsPicturesOfAllSizesWithCaptions) {
  const std::vector<std::pair<int32_t, int32_t>> sizes = {{512, 512}, {512, 1024}, {1024, 512},
                                                          {64, 64},   {300, 200},  {32, 48}};
  const auto picture = [&](int64_t i) {
    const auto [height, width] = sizes[static_cast<size_t>(i) % sizes.size()];
    return picture_of(height, width, i);
  };
  const auto caption = [&](int64_t i) { return kCaptions[static_cast<size_t>(i) % kCaptions.size()]; };
  const ContactSheet sheet = make_contact_sheet(10, picture, caption);
  EXPECT_EQ(sheet.num_shown, 10);
  EXPECT_EQ(sheet.image.width, 2 * 24 + 4 * 256 + 3 * 20);
  EXPECT_EQ(sheet.image.pixels.size(), sheet.image.size_bytes());
  keep(sheet.image, "sheet.png");
}

TEST(ContactSheet, LeavesOutWhatIsTooMany) {
  int64_t num_asked = 0;
  const auto picture = [&](int64_t) {
    ++num_asked;
    return picture_of(32, 32, 0);
  };
  ContactSheetOptions options;
  options.max_pictures = 9;
  options.thumb_px = 64;
  const ContactSheet sheet = make_contact_sheet(
      1000, picture, [](int64_t i) { return cat("number ", i); }, options);
  EXPECT_EQ(num_asked, 9);
  EXPECT_EQ(sheet.num_shown, 9);
  EXPECT_EQ(sheet.num_available, 1000);
  keep(sheet.image, "small.png");
}

TEST(ContactSheet, RefusesWhatCannotBeDrawn) {
  const auto error = [](int64_t count, const ContactSheetOptions& options) {
    return error_of<ConfigError>([&] {
      make_contact_sheet(
          count, [](int64_t) { return Image(8, 8); }, [](int64_t) { return std::string(); }, options);
    });
  };
  EXPECT_THAT(error(0, {}), HasSubstr("at least one picture, found none"));
  EXPECT_THAT(error(1, {.thumb_px = 8}), HasSubstr("at least 1 picture of 32 pixels"));
  EXPECT_THAT(error(10'000, {.max_pictures = 10'000}),
              HasSubstr("at most 100000000 pixels, 10000 pictures of 256"));
}

TEST(Text, IsWrappedAtBlanks) {
  const TextRenderer text(14);
  if (!text.available()) GTEST_SKIP() << "no fonts on this machine";
  EXPECT_THAT(text.wrap("", 200, 3), IsEmpty());
  EXPECT_THAT(text.wrap("a cat", 200, 3), ElementsAre("a cat"));
  EXPECT_THAT(text.wrap("  two\n words\t", 200, 3), ElementsAre("two  words"));
  const auto lines = text.wrap(kCaptions[1], 200, 3);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[2], ::testing::EndsWith("…"));
  for (const std::string& line : lines) EXPECT_THAT(text.width_px(line), Le(200)) << line;
  EXPECT_EQ(kCaptions[1].find(lines[0] + " " + lines[1]), 0U) << "nothing is lost between lines";
  EXPECT_THAT(text.wrap(kCaptions[1], 256, 1), ElementsAre(::testing::EndsWith("…")));
}

TEST(Text, BreaksWordsThatAreLongerThanALine) {
  const TextRenderer text(14);
  if (!text.available()) GTEST_SKIP() << "no fonts on this machine";
  const auto lines = text.wrap(kCaptions[3], 256, 10);
  EXPECT_EQ(join(lines, ""), kCaptions[3]);
  for (const std::string& line : lines) EXPECT_THAT(text.width_px(line), Le(256)) << line;
  EXPECT_THAT(text.wrap("abc", 1, 5), ElementsAre("a", "b", "c")) << "at least one character a line";
}

TEST(Text, IsDrawnInsideThePicture) {
  const TextRenderer text(14);
  if (!text.available()) GTEST_SKIP() << "no fonts on this machine";
  Image canvas(30, 60, 255);
  text.draw(canvas, "xxxxxxxxxxxxxxxxxxxxxx", 4, -10, 0);
  EXPECT_THAT(canvas.pixels, ::testing::Contains(Le(64)));
  text.draw(canvas, "x", -100, -100, 0);
  text.draw(canvas, "x", 100, 100, 0);
}

TEST(Text, NeedsFontsButDoesNotFailWithoutThem) {
  const TemporaryFolder folder;
  const std::string empty = folder.write("fonts.conf", "<?xml version='1.0'?><fontconfig></fontconfig>");
  const char* before = std::getenv("FONTCONFIG_FILE");
  const std::string saved = before == nullptr ? "" : before;
  ::setenv("FONTCONFIG_FILE", empty.c_str(), 1);
  const TextRenderer text(14);
  const ContactSheet sheet = make_contact_sheet(
      1, [](int64_t) { return Image(64, 64); }, [](int64_t) { return std::string("caption"); });
  if (before == nullptr) {
    ::unsetenv("FONTCONFIG_FILE");
  } else {
    ::setenv("FONTCONFIG_FILE", saved.c_str(), 1);
  }
  EXPECT_FALSE(text.available());
  EXPECT_THAT(text.wrap("x", 100, 3), IsEmpty());
  EXPECT_FALSE(sheet.has_captions);
  EXPECT_EQ(sheet.image.height, 256 + 2 * 24);
}

}  // namespace
}  // namespace ditmesh

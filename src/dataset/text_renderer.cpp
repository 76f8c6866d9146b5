#include "ditmesh/dataset/text_renderer.hpp"

#include <fontconfig/fontconfig.h>
#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "ditmesh/base/unicode.hpp"

namespace ditmesh {

namespace {

constexpr char32_t kEllipsis = U'…';

struct Glyph {
  int32_t width = 0;
  int32_t height = 0;
  int32_t left = 0;  // from the pen to the bitmap
  int32_t top = 0;   // from the bitmap up to the base line
  int32_t advance = 0;
  std::vector<uint8_t> coverage;
};

template <typename T, auto Free>
struct Freeing {
  void operator()(T* object) const noexcept { Free(object); }
};
using FontConfig = std::unique_ptr<FcConfig, Freeing<FcConfig, FcConfigDestroy>>;
using FontPattern = std::unique_ptr<FcPattern, Freeing<FcPattern, FcPatternDestroy>>;
using FontSet = std::unique_ptr<FcFontSet, Freeing<FcFontSet, FcFontSetDestroy>>;

// All sans serif fonts of the machine, the best first.
FontSet sorted_fonts(FcConfig* config) {
  if (config == nullptr) return nullptr;
  const FontPattern wanted(FcNameParse(reinterpret_cast<const FcChar8*>("sans-serif")));
  FcConfigSubstitute(config, wanted.get(), FcMatchPattern);
  FcDefaultSubstitute(wanted.get());
  FcResult result = FcResultMatch;
  return FontSet(FcFontSort(config, wanted.get(), FcTrue, nullptr, &result));
}

// What cannot be drawn on a line of text becomes a blank.
std::u32string drawable(const std::string& text) {
  std::u32string line;
  for (const char32_t c : decode_utf8(normalize_nfc(text)))
    line.push_back(is_control(c) || is_white_space(c) ? U' ' : c);
  return line;
}

}  // namespace

struct TextRenderer::State {
  struct Font {
    FcPattern* pattern = nullptr;  // of `fonts`
    FT_Face face = nullptr;        // opened when first needed
    bool is_unusable = false;
  };

  explicit State(int32_t size)
      : size_px(size), config(FcInitLoadConfigAndFonts()), fonts(sorted_fonts(config.get())) {
    if (FT_Init_FreeType(&library) != 0) {
      library = nullptr;
      return;
    }
    for (int i = 0; fonts != nullptr && i < fonts->nfont; ++i) {
      FcBool is_scalable = FcFalse;
      FcPatternGetBool(fonts->fonts[i], FC_SCALABLE, 0, &is_scalable);
      if (is_scalable == FcTrue) faces.push_back({fonts->fonts[i]});
    }
    // The first font gives the metrics: it must open.
    while (!faces.empty() && !open(faces.front())) faces.erase(faces.begin());
  }
  ~State() {
    for (const Font& font : faces) {
      if (font.face != nullptr) FT_Done_Face(font.face);
    }
    if (library != nullptr) FT_Done_FreeType(library);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool open(Font& font) {
    if (font.face != nullptr || font.is_unusable) return font.face != nullptr;
    FcChar8* file = nullptr;
    int index = 0;
    font.is_unusable = true;
    if (FcPatternGetString(font.pattern, FC_FILE, 0, &file) != FcResultMatch) return false;
    FcPatternGetInteger(font.pattern, FC_INDEX, 0, &index);
    FT_Face face = nullptr;
    if (FT_New_Face(library, reinterpret_cast<const char*>(file), index, &face) != 0) return false;
    if (FT_Set_Pixel_Sizes(face, 0, static_cast<FT_UInt>(size_px)) != 0) {
      FT_Done_Face(face);
      return false;
    }
    font.face = face;
    font.is_unusable = false;
    return true;
  }

  static bool covers(const Font& font, char32_t c) {
    FcCharSet* covered = nullptr;
    return FcPatternGetCharSet(font.pattern, FC_CHARSET, 0, &covered) == FcResultMatch &&
           FcCharSetHasChar(covered, c) == FcTrue;
  }

  // The first font that has the character, or the first of all with its box for unknown ones.
  std::pair<FT_Face, FT_UInt> face_of(char32_t c) {
    for (Font& font : faces) {
      if (!covers(font, c) || !open(font)) continue;
      if (const FT_UInt index = FT_Get_Char_Index(font.face, c); index != 0) return {font.face, index};
    }
    return {faces.front().face, 0};
  }

  const Glyph& glyph(char32_t c) {
    const auto known = glyphs.find(c);
    if (known != glyphs.end()) return known->second;
    Glyph& glyph = glyphs[c];
    const auto [face, index] = face_of(c);
    if (FT_Load_Glyph(face, index, FT_LOAD_RENDER | FT_LOAD_TARGET_LIGHT) != 0) return glyph;
    const FT_GlyphSlot slot = face->glyph;
    glyph.advance = static_cast<int32_t>((slot->advance.x + 32) >> 6);  // 26.6 fixed point
    if (slot->bitmap.pixel_mode != FT_PIXEL_MODE_GRAY) return glyph;
    glyph.width = static_cast<int32_t>(slot->bitmap.width);
    glyph.height = static_cast<int32_t>(slot->bitmap.rows);
    glyph.left = slot->bitmap_left;
    glyph.top = slot->bitmap_top;
    for (int32_t y = 0; y < glyph.height; ++y) {
      const uint8_t* line = slot->bitmap.buffer + static_cast<ptrdiff_t>(y) * slot->bitmap.pitch;
      glyph.coverage.insert(glyph.coverage.end(), line, line + glyph.width);
    }
    return glyph;
  }

  int32_t width(std::u32string_view text) {
    int32_t sum = 0;
    for (const char32_t c : text) sum += glyph(c).advance;
    return sum;
  }

  // Characters of `text` that fit into `max_width`.
  size_t num_fitting(std::u32string_view text, int32_t max_width) {
    size_t count = 0;
    int32_t used = 0;
    while (count < text.size() && (used += glyph(text[count]).advance) <= max_width) ++count;
    return count;
  }

  int32_t size_px;
  FontConfig config;
  FontSet fonts;
  FT_Library library = nullptr;
  std::vector<Font> faces;
  std::map<char32_t, Glyph> glyphs;
};

TextRenderer::TextRenderer(int32_t size_px) : state_(std::make_unique<State>(size_px)) {}
TextRenderer::~TextRenderer() = default;
TextRenderer::TextRenderer(TextRenderer&&) noexcept = default;
TextRenderer& TextRenderer::operator=(TextRenderer&&) noexcept = default;

bool TextRenderer::available() const { return !state_->faces.empty(); }

int32_t TextRenderer::line_height_px() const { return state_->size_px + (state_->size_px + 2) / 3; }

int32_t TextRenderer::width_px(const std::string& text) const {
  return available() ? state_->width(drawable(text)) : 0;
}

std::vector<std::string> TextRenderer::wrap(const std::string& text, int32_t max_width_px,
                                            int32_t max_lines) const {
  std::vector<std::string> lines;
  if (!available()) return lines;
  const std::u32string all = drawable(text);
  std::u32string_view rest = all;
  const auto skip_blanks = [&] { rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(U' '))); };
  for (skip_blanks(); !rest.empty() && static_cast<int32_t>(lines.size()) < max_lines; skip_blanks()) {
    const bool is_last = static_cast<int32_t>(lines.size()) + 1 == max_lines;
    size_t fitting = state_->num_fitting(rest, max_width_px);
    if (fitting == rest.size()) {
      lines.push_back(encode_utf8(rest.substr(0, rest.find_last_not_of(U' ') + 1)));
      break;
    }
    if (is_last) fitting = state_->num_fitting(rest, max_width_px - state_->glyph(kEllipsis).advance);
    fitting = std::max<size_t>(fitting, 1);
    // At the last blank that fits; a word longer than the line is cut.
    const size_t blank = rest.rfind(U' ', fitting);
    const size_t end = blank == std::u32string_view::npos || blank == 0 ? fitting : blank;
    std::u32string line(rest.substr(0, end));
    line.erase(line.find_last_not_of(U' ') + 1);
    if (is_last) line.push_back(kEllipsis);
    lines.push_back(encode_utf8(line));
    rest.remove_prefix(end);
  }
  return lines;
}

void TextRenderer::draw(Image& canvas, const std::string& line, int32_t y, int32_t x, uint8_t grey) const {
  if (!available()) return;
  const int32_t base_line = y + state_->size_px;
  for (const char32_t c : drawable(line)) {
    const Glyph& glyph = state_->glyph(c);
    for (int32_t row = 0; row < glyph.height; ++row) {
      for (int32_t column = 0; column < glyph.width; ++column) {
        const int32_t at_y = base_line - glyph.top + row;
        const int32_t at_x = x + glyph.left + column;
        if (at_y < 0 || at_x < 0 || at_y >= canvas.height || at_x >= canvas.width) continue;
        const int alpha = glyph.coverage[static_cast<size_t>(row) * static_cast<size_t>(glyph.width) +
                                         static_cast<size_t>(column)];
        uint8_t* pixel = canvas.at(at_y, at_x);
        for (int channel = 0; channel < 3; ++channel) {
          pixel[channel] = static_cast<uint8_t>((pixel[channel] * (255 - alpha) + grey * alpha + 127) / 255);
        }
      }
    }
    x += glyph.advance;
  }
}

}  // namespace ditmesh

#pragma once
// Text on pictures: fonts by fontconfig, glyphs by FreeType.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ditmesh/dataset/image.hpp"

namespace ditmesh {

/// Draws single lines of text. A character that the first font lacks comes from
/// the first fallback font that has it. Left to right, without shaping.
class TextRenderer {
 public:
  /// Sans serif of this size. On a machine without fonts available() is false.
  explicit TextRenderer(int32_t size_px);
  ~TextRenderer();
  TextRenderer(TextRenderer&&) noexcept;
  TextRenderer& operator=(TextRenderer&&) noexcept;

  bool available() const;
  int32_t line_height_px() const;
  int32_t width_px(const std::string& text) const;

  /// The text in at most `max_lines` lines of `max_width_px`, broken at blanks
  /// or, where there are none, anywhere; an ellipsis if that is not enough.
  std::vector<std::string> wrap(const std::string& text, int32_t max_width_px, int32_t max_lines) const;

  /// Top left corner of the line at (y, x); what falls outside is cut off.
  void draw(Image& canvas, const std::string& line, int32_t y, int32_t x, uint8_t grey) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ditmesh

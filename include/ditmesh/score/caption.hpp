#pragma once
// What a caption in plain English tells of a picture of one to four coloured shapes.
//
// It reads this grammar; capitals, quotes around the caption and a full stop or exclamation mark at its end
// make no difference, a semicolon is a comma:
//
//   caption   = [ground ","] [opening] (row ":" list | statements) [ground] [place]
//   opening   = "a picture of" | "there is" | …
//   statement = object {[","] [("which" | "that")] ["is"] relation target} [place]
//   statements= statement {("," | "and" | "with" | ", and" …) statement} [["in a row"] row]
//   object    = [article] [size] colour shape
//   relation  = "left of" | "to the right of" | "above" | "over" | …
//   target    = object | "it" | "both"      "it": the one object of the statement before
//   row       = "from left to right" | "from bottom to top" | …
//   place     = "at the top" | "in the bottom left corner" | "in the middle" | …
//   ground    = ["is"] ("on" | "against" | "with") article colour "background"
//
// A caption that could be meant in two ways is not understood, so that no picture is right by chance: where a
// relation is told, every object is in one ("A above B and C" leaves C open). Nor is one that no picture can
// show: an object of the background's colour, orders that go round in a circle.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/score/vocabulary.hpp"

namespace ditmesh {

struct ToldObject {
  std::optional<Size> size;
  Colour colour = Colour::red;
  Shape shape = Shape::circle;

  bool operator==(const ToldObject&) const = default;
};

/// In which direction one object stands from another.
enum class Direction : uint8_t { left, above };

/// Object `first` (its number) is left of, or above, object `second`.
struct Relation {
  size_t first = 0;
  Direction direction = Direction::left;
  size_t second = 0;

  bool operator==(const Relation&) const = default;
};

struct Caption {
  std::vector<ToldObject> objects;    // as the caption names them
  std::vector<Relation> relations;    // "right of" and "below" turned round
  std::optional<PicturePlace> place;  // only where there is one object
  std::optional<Colour> background;

  bool operator==(const Caption&) const = default;
};

/// More objects in a caption are not understood.
inline constexpr size_t kMaxToldObjects = 4;

struct CaptionReading {
  std::optional<Caption> caption;  // nothing if the text is not understood
  std::string problem;             // then: "after 'and a', at 'purplish': a colour is missing"
};

CaptionReading read_caption(std::string_view text);

/// "large blue square", "blue square".
std::string to_string(const ToldObject& object);

}  // namespace ditmesh

#include "ditmesh/score/caption.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Lower-case words; a comma or a colon is a word of its own, a full stop counts at the end only.
std::vector<std::string> words_of(std::string_view text) {
  text = trim(text);
  if (text.ends_with('.')) text.remove_suffix(1);
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  for (const char c : to_lower_ascii(text)) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '-' || c == ',' || c == ':') {
      finish();
      if (c == ',' || c == ':') words.emplace_back(1, c);
    } else {
      word += c;
    }
  }
  finish();
  return words;
}

// A place as its two coordinates, each nothing if it is not told.
constexpr size_t kFirst = 0;  // left or top
constexpr size_t kMiddle = 1;
constexpr size_t kLast = 2;  // right or bottom
struct Spot {
  std::optional<size_t> x;
  std::optional<size_t> y;
};

struct NotUnderstood {
  size_t at;  // number of the word
};

class Reader {
 public:
  explicit Reader(std::string_view text) : words_(words_of(text)) {}

  Caption read() {
    if (ground()) expect(",");
    opening();
    const auto row = optional_row();
    if (row) expect(":");
    statements();
    if (row) order_as(*row);
    while (!at_end()) {
      if (!ground_after() && !place_after() && !row_after()) fail();
    }
    settle_places();
    return std::move(caption_);
  }

  std::string word(size_t i) const { return i < words_.size() ? cat("at '", words_[i], "'") : "at its end"; }

 private:
  struct Row {
    Direction direction;
    bool is_forward;  // left to right, top to bottom
  };

  bool at_end() const { return at_ == words_.size(); }
  [[noreturn]] void fail() const { throw NotUnderstood{at_}; }

  // Takes these words if they come next.
  bool accept(std::string_view phrase) {
    size_t i = at_;
    for (const std::string& each : split(phrase, ' ')) {
      if (i == words_.size() || words_[i++] != each) return false;
    }
    at_ = i;
    return true;
  }
  bool accept_one_of(std::initializer_list<std::string_view> phrases) {
    return std::any_of(phrases.begin(), phrases.end(),
                       [&](std::string_view phrase) { return accept(phrase); });
  }
  void expect(std::string_view phrase) {
    if (!accept(phrase)) fail();
  }

  // Takes what `rule` reads; where it reads nothing, all is as before.
  template <typename Rule>
  auto attempt(const Rule& rule) {
    const size_t before = at_;
    auto found = rule();
    if (!found) at_ = before;
    return found;
  }

  template <typename Words>
  auto one_word(const Words& all) -> std::optional<typename Words::value_type> {
    for (const auto each : all) {
      if (accept(to_string(each))) return each;
    }
    return std::nullopt;
  }

  bool article() { return accept_one_of({"a", "an", "the", "one"}); }

  void opening() {
    if (accept_one_of({"there is", "there are", "there's"})) return;
    attempt([&] {
      article();
      return accept_one_of({"picture of", "image of", "photo of", "drawing of", "painting of"});
    });
  }

  std::optional<Size> size() {
    if (accept("big")) return Size::large;
    if (accept("little")) return Size::small;
    return one_word(kSizes);
  }

  size_t object() {
    if (caption_.objects.size() == kMaxToldObjects) fail();
    article();
    ToldObject told;
    told.size = size();
    const auto colour = one_word(kColours);
    if (!colour) fail();
    const auto shape = one_word(kShapes);
    if (!shape) fail();
    told.colour = *colour;
    told.shape = *shape;
    caption_.objects.push_back(told);
    spots_.emplace_back();
    return caption_.objects.size() - 1;
  }

  bool ground() {
    const auto colour = attempt([&]() -> std::optional<Colour> {
      if (caption_.background || !accept_one_of({"on", "against", "with", "in front of"}))
        return std::nullopt;
      article();
      const auto found = one_word(kColours);
      return found && accept("background") ? found : std::nullopt;
    });
    if (colour) caption_.background = colour;
    return colour.has_value();
  }
  bool ground_after() {
    return attempt([&] {
      accept(",");
      return ground();
    });
  }

  // Nothing, or which of the two is first: left of and above are true.
  std::optional<std::pair<Direction, bool>> relation() {
    if (accept_one_of({"to the left of", "on the left of", "left of"})) return {{Direction::left, true}};
    if (accept_one_of({"to the right of", "on the right of", "right of"})) return {{Direction::left, false}};
    if (accept_one_of({"above", "over", "on top of"})) return {{Direction::above, true}};
    if (accept_one_of({"below", "under", "beneath", "underneath"})) return {{Direction::above, false}};
    return std::nullopt;
  }

  void relate(size_t subject, std::pair<Direction, bool> how, size_t target) {
    const auto [direction, is_first] = how;
    caption_.relations.push_back(is_first ? Relation{subject, direction, target}
                                          : Relation{target, direction, subject});
  }

  std::optional<Spot> place() {
    return attempt([&]() -> std::optional<Spot> {
      if (!accept_one_of({"in the", "on the", "at the"})) return std::nullopt;
      if (accept_one_of({"centre", "center", "middle"})) return Spot{kMiddle, kMiddle};
      Spot spot;
      if (accept_one_of({"top", "upper"})) {
        spot.y = kFirst;
      } else if (accept_one_of({"bottom", "lower"})) {
        spot.y = kLast;
      }
      if (accept("left")) {
        spot.x = kFirst;
      } else if (accept("right")) {
        spot.x = kLast;
      }
      if (!spot.x && !spot.y) return std::nullopt;
      accept(spot.x && spot.y ? "corner" : "side");
      return spot;
    });
  }
  bool place_after() {
    return attempt([&] {
      accept(",");
      accept("is");
      const size_t word = at_;
      const auto found = place();
      if (!found) return false;
      if (spots_.back().spot) throw NotUnderstood{word};
      spots_.back() = {found, word};
      return true;
    });
  }

  std::optional<Row> optional_row() {
    return attempt([&]() -> std::optional<Row> {
      accept("in a row");
      if (accept("from left to right")) return Row{Direction::left, true};
      if (accept("from right to left")) return Row{Direction::left, false};
      if (accept("from top to bottom")) return Row{Direction::above, true};
      if (accept("from bottom to top")) return Row{Direction::above, false};
      return std::nullopt;
    });
  }
  bool row_after() {
    return attempt([&] {
      accept(",");
      const size_t word = at_;
      const auto row = optional_row();
      if (row) order_as(*row, word);
      return row.has_value();
    });
  }

  void order_as(Row row, size_t word = 0) {
    if (caption_.objects.size() < 2 || !caption_.relations.empty()) throw NotUnderstood{word};
    for (size_t i = 1; i < caption_.objects.size(); ++i) relate(i - 1, {row.direction, row.is_forward}, i);
  }

  // An object and what is said of it. `head_before`: the object that the statement before began with.
  size_t statement(std::optional<size_t> head_before) {
    const size_t head = object();
    size_t subject = head;
    while (true) {
      const auto how = attempt([&] {
        accept(",");
        accept_one_of({"which", "that"});
        accept("is");
        return relation();
      });
      if (!how) break;
      if (accept("it")) {
        if (!head_before) throw NotUnderstood{at_ - 1};
        relate(subject, *how, *head_before);
      } else if (accept("both")) {
        if (head != 2) throw NotUnderstood{at_ - 1};
        relate(subject, *how, 0);
        relate(subject, *how, 1);
      } else {
        const size_t target = object();
        relate(subject, *how, target);
        subject = target;
      }
    }
    place_after();
    return head;
  }

  void statements() {
    size_t head = statement(std::nullopt);
    while (separator()) head = statement(head);
  }

  // Between two statements. After "and" an object must follow, so that what stops the reader there is named.
  bool separator() {
    return attempt([&] {
      const bool has_comma = accept(",");
      if (accept_one_of({"and", "with"})) return !comes_coloured("background");
      return has_comma && comes_coloured("") && !comes_coloured("background");
    });
  }

  // Whether a colour comes next, with `noun` behind it.
  bool comes_coloured(std::string_view noun) {
    const size_t before = at_;
    article();
    size();
    const bool found = one_word(kColours).has_value() && (noun.empty() || accept(noun));
    at_ = before;
    return found;
  }

  // One object may stand somewhere; several tell their order by it, in one direction.
  void settle_places() {
    const auto told = std::find_if(spots_.begin(), spots_.end(), [](const auto& each) { return each.spot; });
    if (told == spots_.end()) return;
    if (spots_.size() == 1) {
      caption_.place = place_at(*told->spot);
      return;
    }
    if (!caption_.relations.empty()) throw NotUnderstood{told->word};
    const auto has_x = [](const PlacedAt& each) {
      return each.spot && each.spot->x.value_or(kMiddle) != kMiddle;
    };
    const bool is_row = std::any_of(spots_.begin(), spots_.end(), has_x);
    std::array<std::optional<size_t>, 3> line;  // first, middle, last
    for (size_t i = 0; i < spots_.size(); ++i) {
      if (!spots_[i].spot) throw NotUnderstood{told->word};
      const Spot& spot = *spots_[i].spot;
      const auto along = is_row ? spot.x : spot.y;
      if (!along || (is_row ? spot.y : spot.x).value_or(kMiddle) != kMiddle)
        throw NotUnderstood{spots_[i].word};
      auto& here = line.at(*along);
      if (here) throw NotUnderstood{spots_[i].word};
      here = i;
    }
    std::optional<size_t> before;
    for (const auto& each : line) {
      if (before && each) relate(*before, {is_row ? Direction::left : Direction::above, true}, *each);
      if (each) before = each;
    }
  }

  static Place place_at(const Spot& spot) {
    static constexpr std::array<std::array<Place, 3>, 3> kGrid = {
        {{Place::top_left, Place::top, Place::top_right},
         {Place::left, Place::centre, Place::right},
         {Place::bottom_left, Place::bottom, Place::bottom_right}}};
    return kGrid.at(spot.y.value_or(kMiddle)).at(spot.x.value_or(kMiddle));
  }

  struct PlacedAt {
    std::optional<Spot> spot;
    size_t word = 0;
  };

  std::vector<std::string> words_;
  size_t at_ = 0;
  Caption caption_;
  std::vector<PlacedAt> spots_;  // of each object
};

}  // namespace

CaptionReading read_caption(std::string_view text) {
  Reader reader(text);
  try {
    return {reader.read(), ""};
  } catch (const NotUnderstood& problem) {
    return {std::nullopt, reader.word(problem.at)};
  }
}

std::string to_string(const ToldObject& object) {
  return object.size
             ? cat(to_string(*object.size), " ", to_string(object.colour), " ", to_string(object.shape))
             : cat(to_string(object.colour), " ", to_string(object.shape));
}

}  // namespace ditmesh

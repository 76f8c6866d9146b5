#include "ditmesh/score/caption.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "ditmesh/base/text.hpp"
#include "word_reader.hpp"

namespace ditmesh {

namespace {

// A place as its two coordinates, each nothing if it is not told.
constexpr size_t kFirst = 0;  // left or top
constexpr size_t kMiddle = 1;
constexpr size_t kLast = 2;  // right or bottom
struct Spot {
  std::optional<size_t> x;
  std::optional<size_t> y;
};

class Reader : private WordReader {
 public:
  using WordReader::describe;
  using WordReader::WordReader;

  Caption read() {
    if (ground()) expect(",");
    opening();
    const auto row = optional_row();
    if (row) expect(":");
    statements();
    if (row) order_as(*row, 0);
    while (!at_end()) {
      if (!ground_after() && !place_after() && !row_after()) fail_at_rest();
    }
    settle_places();
    check_all_related();
    check_background();
    return std::move(caption_);
  }

 private:
  struct Row {
    Direction direction;
    bool is_forward;  // left to right, top to bottom
  };

  void expect(std::string_view phrase) {
    if (!accept(phrase)) fail(cat("a '", phrase, "' is missing"));
  }

  [[noreturn]] void fail_at_rest() {
    if (comes([&] { return accept_one_of({"next to", "beside", "near", "by", "close to"}); }))
      fail("this tells no order; say left of, right of, above or below");
    if (comes([&] { return accept("in a row"); })) fail("a row from where to where is missing");
    fail("this does not fit here");
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
    const size_t begin = at();
    article();
    ToldObject told;
    told.size = size();
    const auto colour = one_word(kColours);
    if (!colour) fail("a colour is missing");
    const auto shape = one_word(kShapes);
    if (!shape) fail("a shape is missing");
    if (caption_.objects.size() == kMaxToldObjects)
      throw NotUnderstood{begin, cat("a fifth object; at most ", kMaxToldObjects)};
    told.colour = *colour;
    told.shape = *shape;
    caption_.objects.push_back(told);
    said_.push_back({begin, std::nullopt, 0});
    return caption_.objects.size() - 1;
  }

  bool ground() {
    const size_t begin = at();
    const auto colour = attempt([&]() -> std::optional<Colour> {
      if (!accept_one_of({"on", "against", "with", "in front of"})) return std::nullopt;
      article();
      const auto found = one_word(kColours);
      return found && accept("background") ? found : std::nullopt;
    });
    if (!colour) return false;
    if (caption_.background) throw NotUnderstood{begin, "two backgrounds"};
    caption_.background = colour;
    ground_word_ = begin;
    return true;
  }
  bool ground_after() {
    return attempt([&] {
      accept(",");
      accept_one_of({"is", "are"});
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

  // Refuses, at the word that tells it, what was told already or what no picture can show.
  void relate(size_t subject, std::pair<Direction, bool> how, size_t target, size_t word) {
    const auto [direction, is_first] = how;
    const Relation told =
        is_first ? Relation{subject, direction, target} : Relation{target, direction, subject};
    if (std::find(caption_.relations.begin(), caption_.relations.end(), told) != caption_.relations.end())
      throw NotUnderstood{word, "this order is told twice"};
    if (follows(told.second, direction, told.first))
      throw NotUnderstood{word, "this contradicts the order told before"};
    caption_.relations.push_back(told);
  }

  // Whether the relations so far put one object before another, over others too; they are in no circle.
  bool follows(size_t first, Direction direction, size_t second) const {
    return std::any_of(caption_.relations.begin(), caption_.relations.end(), [&](const Relation& each) {
      return each.first == first && each.direction == direction &&
             (each.second == second || follows(each.second, direction, second));
    });
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
      const size_t word = at();
      const auto found = place();
      if (!found) return false;
      if (said_.back().spot) throw NotUnderstood{word, "two places for one object"};
      said_.back().spot = found;
      said_.back().spot_word = word;
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
      const size_t word = at();
      const auto row = optional_row();
      if (row) order_as(*row, word);
      return row.has_value();
    });
  }

  void order_as(Row row, size_t word) {
    if (caption_.objects.size() < 2) throw NotUnderstood{word, "one object has no order"};
    if (!caption_.relations.empty()) throw NotUnderstood{word, "an order beside the one told before"};
    for (size_t i = 1; i < caption_.objects.size(); ++i)
      relate(i - 1, {row.direction, row.is_forward}, i, word);
  }

  // The objects from `begin` on, the first of which the statement tells of.
  struct Statement {
    size_t begin;
    bool is_bare;  // one object, and no relation to another
  };

  // An object and what is said of it.
  Statement statement(std::optional<Statement> before) {
    const size_t head = object();
    size_t subject = head;
    bool is_bare = true;
    while (true) {
      size_t word = 0;
      const auto how = attempt([&] {
        const bool has_comma = accept(",");
        const bool is_clear = accept_one_of({"which", "that"}) || !has_comma || is_bare;
        accept("is");
        word = at();
        const auto found = relation();
        if (found && !is_clear) throw NotUnderstood{word, "this may tell of one object or another"};
        return found;
      });
      if (!how) break;
      is_bare = false;
      const size_t target_word = at();
      if (accept("it")) {
        if (!before) throw NotUnderstood{target_word, "'it' has nothing to refer to"};
        if (!before->is_bare) throw NotUnderstood{target_word, "'it' may be one object or another"};
        relate(subject, *how, before->begin, word);
      } else if (accept("both")) {
        if (head != 2) throw NotUnderstood{target_word, "'both' needs two objects before"};
        relate(subject, *how, 0, word);
        relate(subject, *how, 1, word);
      } else {
        const size_t target = object();
        relate(subject, *how, target, word);
        subject = target;
      }
    }
    place_after();
    return {head, is_bare};
  }

  void statements() {
    Statement before = statement(std::nullopt);
    while (separator()) before = statement(before);
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
    return comes([&] {
      article();
      size();
      return one_word(kColours).has_value() && (noun.empty() || accept(noun));
    });
  }

  // One object may stand somewhere; several tell their order by it, in one direction.
  void settle_places() {
    const auto told = std::find_if(said_.begin(), said_.end(), [](const Said& each) { return each.spot; });
    if (told == said_.end()) return;
    if (said_.size() == 1) {
      caption_.place = place_at(*told->spot);
      return;
    }
    if (!caption_.relations.empty()) throw NotUnderstood{told->spot_word, "a place beside an order"};
    const auto has_x = [](const Said& each) {
      return each.spot && each.spot->x.value_or(kMiddle) != kMiddle;
    };
    const bool is_row = std::any_of(said_.begin(), said_.end(), has_x);
    std::array<std::optional<size_t>, 3> line;  // first, middle, last
    for (size_t i = 0; i < said_.size(); ++i) {
      if (!said_[i].spot) throw NotUnderstood{told->spot_word, "not every object has a place"};
      const Spot& spot = *said_[i].spot;
      const auto along = is_row ? spot.x : spot.y;
      if (!along || (is_row ? spot.y : spot.x).value_or(kMiddle) != kMiddle)
        throw NotUnderstood{said_[i].spot_word, "the places of several objects are in no line"};
      auto& here = line.at(*along);
      if (here) throw NotUnderstood{said_[i].spot_word, "two objects in one place"};
      here = i;
    }
    std::optional<size_t> before;
    for (const auto& each : line) {
      if (before && each)
        relate(*before, {is_row ? Direction::left : Direction::above, true}, *each, told->spot_word);
      if (each) before = each;
    }
  }

  // "A above B and C": whether C is below A too is anyone's guess.
  void check_all_related() const {
    if (caption_.relations.empty()) return;
    for (size_t i = 0; i < said_.size(); ++i) {
      const auto names = [&](const Relation& each) { return each.first == i || each.second == i; };
      if (std::none_of(caption_.relations.begin(), caption_.relations.end(), names)) {
        throw NotUnderstood{said_[i].word, cat("nothing tells where the ", to_string(caption_.objects[i]),
                                               " is, others have an order")};
      }
    }
  }

  // Such an object could not be seen.
  void check_background() const {
    for (const ToldObject& each : caption_.objects) {
      if (each.colour == caption_.background)
        throw NotUnderstood{ground_word_, cat("the background has the colour of the ", to_string(each))};
    }
  }

  static PicturePlace place_at(const Spot& spot) {
    static constexpr std::array<std::array<PicturePlace, 3>, 3> kGrid = {
        {{PicturePlace::top_left, PicturePlace::top, PicturePlace::top_right},
         {PicturePlace::left, PicturePlace::centre, PicturePlace::right},
         {PicturePlace::bottom_left, PicturePlace::bottom, PicturePlace::bottom_right}}};
    return kGrid.at(spot.y.value_or(kMiddle)).at(spot.x.value_or(kMiddle));
  }

  // Of an object, and where.
  struct Said {
    size_t word;  // with which it begins
    std::optional<Spot> spot;
    size_t spot_word;
  };

  Caption caption_;
  std::vector<Said> said_;  // of each object
  size_t ground_word_ = 0;
};

}  // namespace

CaptionReading read_caption(std::string_view text) {
  Reader reader(text);
  try {
    return {reader.read(), ""};
  } catch (const NotUnderstood& problem) {
    return {std::nullopt, reader.describe(problem)};
  }
}

std::string to_string(const ToldObject& object) {
  return object.size
             ? cat(to_string(*object.size), " ", to_string(object.colour), " ", to_string(object.shape))
             : cat(to_string(object.colour), " ", to_string(object.shape));
}

}  // namespace ditmesh

#include "ditmesh/score/judge.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMaxMatched = 8;  // of the objects seen, the largest are matched with those told

std::string_view to_string(Direction direction) { return direction == Direction::left ? "left of" : "above"; }

std::string colour_and_shape(const ToldObject& told) {
  return cat(to_string(told.colour), " ", to_string(told.shape));
}
std::string colour_and_shape(const SeenObject& seen) {
  return cat(to_string(seen.colour), " ", to_string(seen.shape));
}

std::string with_article(const std::string& noun) {
  return cat(std::string_view("aeiou").find(noun.front()) == std::string_view::npos ? "a " : "an ", noun);
}

// "on the left", "at the top left".
std::string with_preposition(PicturePlace place) {
  const bool is_side = place == PicturePlace::left || place == PicturePlace::right;
  return cat(place == PicturePlace::centre ? "in the " : is_side ? "on the " : "at the ", to_string(place));
}

class Judge {
 public:
  Judge(const Seen& seen, const Caption& caption, double height, double width, const JudgeLimits& limits)
      : seen_(seen), caption_(caption), height_(height), width_(width), limits_(limits) {}

  Judgement run() {
    judgement_.holds.fill(true);
    match();
    judge_objects();
    judge_shapes();
    judge_sizes();
    judge_order();
    judge_background();
    judge_sharpness();
    judge_palette();
    return std::move(judgement_);
  }

 private:
  void wrong(Aspect aspect, const std::string& why) {
    judgement_.holds.at(static_cast<size_t>(aspect)) = false;
    if (judgement_.why.empty()) judgement_.why = why;
  }

  using Matching = std::vector<std::optional<size_t>>;  // for each told object one seen

  bool has_size(size_t told, const SeenObject& object) const {
    const auto size = caption_.objects[told].size;
    return !size || *size == size_of(object.radius / std::sqrt(height_ * width_));
  }

  bool keeps(const Relation& relation, const SeenObject& first, const SeenObject& second) const {
    const double apart = relation.direction == Direction::left ? second.x - first.x : second.y - first.y;
    return apart > limits_.min_order * (first.radius + second.radius);
  }

  // Colours count most, then shapes, then all else.
  int agreement(const Matching& matching) const {
    int sum = 0;
    for (size_t i = 0; i < matching.size(); ++i) {
      if (!matching[i]) continue;
      const SeenObject& object = seen_.objects[*matching[i]];
      sum += 1000 + (object.colour == caption_.objects[i].colour ? 400 : 0) +
             (object.shape == caption_.objects[i].shape ? 100 : 0) + (has_size(i, object) ? 10 : 0);
    }
    for (const Relation& relation : caption_.relations) {
      if (!matching[relation.first] || !matching[relation.second]) continue;
      sum +=
          keeps(relation, seen_.objects[*matching[relation.first]], seen_.objects[*matching[relation.second]])
              ? 10
              : 0;
    }
    return sum;
  }

  // Tries all.
  void match() {
    matching_.assign(caption_.objects.size(), std::nullopt);
    Matching tried = matching_;
    std::vector<bool> used(std::min(seen_.objects.size(), kMaxMatched), false);
    int best = -1;
    match_from(0, tried, used, best);
  }
  void match_from(size_t i, Matching& tried, std::vector<bool>& used, int& best) {
    if (i == tried.size()) {
      const int found = agreement(tried);
      if (found <= best) return;
      best = found;
      matching_ = tried;
      return;
    }
    for (size_t k = 0; k < used.size(); ++k) {
      if (used[k]) continue;
      used[k] = true;
      tried[i] = k;
      match_from(i + 1, tried, used, best);
      used[k] = false;
    }
    tried[i] = std::nullopt;
    match_from(i + 1, tried, used, best);
  }

  const SeenObject* match_of(size_t told) const {
    return matching_[told] ? &seen_.objects[*matching_[told]] : nullptr;
  }

  void judge_objects() {
    for (size_t i = 0; i < matching_.size(); ++i) {
      const ToldObject& told = caption_.objects[i];
      const SeenObject* found = match_of(i);
      if (found != nullptr && found->colour == told.colour) continue;
      if (found != nullptr && found->shape == told.shape) {
        wrong(Aspect::objects, cat("the ", to_string(told.shape), " is ", to_string(found->colour), ", not ",
                                   to_string(told.colour)));
      } else {
        wrong(Aspect::objects,
              cat("there is no ", colour_and_shape(told),
                  found == nullptr ? "" : cat(", but ", with_article(colour_and_shape(*found)))));
      }
    }
    for (size_t k = 0; k < seen_.objects.size(); ++k) {
      if (std::find(matching_.begin(), matching_.end(), k) != matching_.end()) continue;
      wrong(Aspect::objects, cat("there is ", with_article(colour_and_shape(seen_.objects[k])), " too many"));
    }
  }

  void judge_shapes() {
    for (size_t i = 0; i < matching_.size(); ++i) {
      const ToldObject& told = caption_.objects[i];
      const SeenObject* found = match_of(i);
      if (found == nullptr) {
        wrong(Aspect::shapes, cat("there is no ", colour_and_shape(told)));
      } else if (found->shape != told.shape) {
        wrong(Aspect::shapes, cat("the ", to_string(found->colour), " object is ",
                                  with_article(std::string(to_string(found->shape))), ", not ",
                                  with_article(std::string(to_string(told.shape)))));
      } else if (found->overlap < limits_.min_overlap) {
        wrong(Aspect::shapes, cat("the ", colour_and_shape(*found), " is broken: it and its outline share ",
                                  percent(found->overlap), " of what both cover, at least ",
                                  percent(limits_.min_overlap), " are needed"));
      } else if (found->misplaced > limits_.max_misplaced) {
        wrong(Aspect::shapes, cat("the ", colour_and_shape(*found), " is broken: dents and bumps are ",
                                  percent(found->misplaced), " of its area, at most ",
                                  percent(limits_.max_misplaced), " may be"));
      }
    }
  }

  void judge_sizes() {
    for (size_t i = 0; i < matching_.size(); ++i) {
      const ToldObject& told = caption_.objects[i];
      const SeenObject* found = match_of(i);
      if (!told.size || (found != nullptr && has_size(i, *found))) continue;
      if (found == nullptr) {
        wrong(Aspect::sizes, cat("there is no ", colour_and_shape(told)));
      } else {
        wrong(Aspect::sizes, cat("the ", colour_and_shape(*found), " is ",
                                 to_string(size_of(found->radius / std::sqrt(height_ * width_))), ", not ",
                                 to_string(*told.size)));
      }
    }
  }

  void judge_order() {
    for (const Relation& relation : caption_.relations) {
      const SeenObject* first = match_of(relation.first);
      const SeenObject* second = match_of(relation.second);
      if (first != nullptr && second != nullptr && keeps(relation, *first, *second)) continue;
      wrong(Aspect::order, cat("the ", name_of(relation.first), " is not ", to_string(relation.direction),
                               " the ", name_of(relation.second)));
    }
    if (!caption_.place) return;
    const SeenObject* found = match_of(0);
    const PlaceRange range = range_of(*caption_.place);
    const std::string where = found == nullptr ? ""
                                               : outside(range.x, found->x / width_, "width") +
                                                     outside(range.y, found->y / height_, "height");
    if (found != nullptr && where.empty()) return;
    wrong(Aspect::order, cat("the ", name_of(0), " is not ", with_preposition(*caption_.place), where));
  }

  // What is to be said of a centre's coordinate; nothing if it is in the range.
  std::string outside(const Interval& range, double value, std::string_view side) const {
    const double slack = limits_.place_slack;
    if (range.contains(value, slack)) return "";
    return cat("; its centre is at ", percent(value), " of the ", side, ", ",
               percent(std::max(0.0, range.low - slack)), " to ", percent(std::min(1.0, range.high + slack)),
               " are needed");
  }

  // "red circle"; where the caption names two of them by size, "small red circle", or "second red circle".
  std::string name_of(size_t told) const {
    const auto& all = caption_.objects;
    const auto count = [&](size_t end, const auto& name) {
      return std::count_if(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(end),
                           [&](const ToldObject& each) { return name(each) == name(all[told]); });
    };
    const auto in_short = [](const ToldObject& each) { return colour_and_shape(each); };
    const auto in_full = [](const ToldObject& each) { return ditmesh::to_string(each); };
    if (count(all.size(), in_short) == 1) return in_short(all[told]);
    if (count(all.size(), in_full) == 1) return in_full(all[told]);
    static constexpr std::array<std::string_view, kMaxToldObjects> kOrdinals = {"first", "second", "third",
                                                                                "fourth"};
    return cat(kOrdinals.at(static_cast<size_t>(count(told, in_full))), " ", in_full(all[told]));
  }

  void judge_background() {
    if (!caption_.background || *caption_.background == seen_.background) return;
    wrong(Aspect::background,
          cat("the background is ", to_string(seen_.background), ", not ", to_string(*caption_.background)));
  }

  void judge_sharpness() {
    if (seen_.objects.empty()) wrong(Aspect::sharpness, "there are no outlines");
    for (const SeenObject& object : seen_.objects) {
      if (object.edge_width <= limits_.max_edge_width) continue;
      wrong(Aspect::sharpness,
            cat("the outline of the ", colour_and_shape(object), " is ", fixed(object.edge_width, 1),
                " pixels wide, at most ", fixed(limits_.max_edge_width, 1), " are sharp"));
    }
  }

  void judge_palette() {
    for (const SeenObject& object : seen_.objects) {
      if (object.colour_error <= limits_.max_colour_error) continue;
      wrong(Aspect::palette, cat("the ", colour_and_shape(object), " is of no clear colour: ",
                                 fixed(object.colour_error, 1), " levels from ", to_string(object.colour)));
    }
    if (seen_.background_error > limits_.max_ground_error) {
      wrong(Aspect::palette, cat("the background is of no clear colour: ", fixed(seen_.background_error, 1),
                                 " levels from ", to_string(seen_.background)));
    }
    if (seen_.strays > limits_.max_strays) {
      wrong(Aspect::palette,
            cat(fixed(100 * seen_.strays, 2), " % of the picture is neither background nor object, at most ",
                fixed(100 * limits_.max_strays, 2), " % may be"));
    }
  }

  const Seen& seen_;
  const Caption& caption_;
  const double height_;
  const double width_;
  const JudgeLimits& limits_;
  Matching matching_;
  Judgement judgement_;
};

}  // namespace

std::string_view to_string(Aspect aspect) {
  static constexpr std::array<std::string_view, kAspects.size()> kNames = {
      "objects", "shapes", "sizes", "order", "background", "sharpness", "palette"};
  return kNames.at(static_cast<size_t>(aspect));
}

bool Judgement::is_right() const {
  return std::all_of(holds.begin(), holds.end(), [](bool each) { return each; });
}

Judgement judge(const Seen& seen, const Caption& caption, double height, double width,
                const JudgeLimits& limits) {
  return Judge(seen, caption, height, width, limits).run();
}

Judgement judge(const PictureView& picture, const Caption& caption, const JudgeLimits& limits) {
  return judge(look_at(picture), caption, picture.height, picture.width, limits);
}

}  // namespace ditmesh

#include "ditmesh/score/tally.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

double Share::value() const {
  return total == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(total);
}

Interval Share::interval() const {
  if (total == 0) return {0, 1};
  constexpr double kZ = 1.959964;  // 97.5 % of the normal distribution lie below
  const auto n = static_cast<double>(total);
  const double p = value();
  const double middle = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / (1 + kZ * kZ / n);
  // At the ends rounding would leave 1e-17 where the formula gives 0.
  return {hits == 0 ? 0 : std::max(0.0, middle - half), hits == total ? 1 : std::min(1.0, middle + half)};
}

std::string to_text(const Share& share) {
  if (share.total == 0) return "none to judge";
  const Interval range = share.interval();
  return cat(percent(share.value()), " (", share.hits, " of ", share.total, ", 95 % interval ",
             percent(range.low), " to ", percent(range.high), ")");
}

OrderedJson to_json(const Share& share) {
  OrderedJson json = {{"hits", share.hits}, {"total", share.total}};
  const Interval range = share.interval();
  const auto known = [&](double value) {
    return share.total == 0 ? OrderedJson(nullptr) : OrderedJson(value);
  };
  json["share"] = known(share.value());
  json["low"] = known(range.low);
  json["high"] = known(range.high);
  return json;
}

bool tells(const Caption& caption, Aspect aspect) {
  switch (aspect) {
    case Aspect::sizes:
      return std::any_of(caption.objects.begin(), caption.objects.end(),
                         [](const ToldObject& told) { return told.size.has_value(); });
    case Aspect::order:
      return !caption.relations.empty() || caption.place.has_value();
    case Aspect::background:
      return caption.background.has_value();
    case Aspect::objects:
    case Aspect::shapes:
    case Aspect::sharpness:
    case Aspect::palette:
      break;
  }
  return true;
}

void Tally::add(const Caption& caption, const Judgement& judgement) {
  right.add(judgement.is_right());
  by_objects[caption.objects.size()].add(judgement.is_right());
  for (const Aspect aspect : kAspects) {
    if (tells(caption, aspect)) aspects.at(static_cast<size_t>(aspect)).add(judgement.holds_for(aspect));
  }
}

std::string to_text(const Tally& tally) {
  std::ostringstream out;
  out << "right: " << to_text(tally.right) << "\n";
  for (const auto& [count, share] : tally.by_objects)
    out << "  " << counted(static_cast<int64_t>(count), "object") << ": " << to_text(share) << "\n";
  for (const Aspect aspect : kAspects) {
    if (tally.of(aspect).total > 0)
      out << "  " << to_string(aspect) << ": " << to_text(tally.of(aspect)) << "\n";
  }
  if (tally.not_understood > 0) out << "captions not understood: " << tally.not_understood << "\n";
  if (tally.failed > 0) out << "failed, without a picture: " << tally.failed << "\n";
  if (tally.missing > 0) out << "missing: " << tally.missing << "\n";
  return out.str();
}

OrderedJson to_json(const Tally& tally) {
  OrderedJson json;
  json["right"] = to_json(tally.right);
  json["by_objects"] = OrderedJson::object();
  for (const auto& [count, share] : tally.by_objects) json["by_objects"][cat(count)] = to_json(share);
  for (const Aspect aspect : kAspects)
    json["aspects"][std::string(to_string(aspect))] = to_json(tally.of(aspect));
  json["not_understood"] = tally.not_understood;
  json["failed"] = tally.failed;
  json["missing"] = tally.missing;
  return json;
}

}  // namespace ditmesh

#pragma once
// Judgements of many pictures, counted, with 95 % intervals.

#include <map>
#include <string>

#include "ditmesh/base/json.hpp"
#include "ditmesh/score/judge.hpp"

namespace ditmesh {

/// `hits` of `total`.
struct Share {
  int64_t hits = 0;
  int64_t total = 0;

  void add(bool is_hit) {
    ++total;
    hits += is_hit ? 1 : 0;
  }
  /// Of 0 … 1; 0 where total is 0.
  double value() const;
  /// Wilson's interval of 95 %; 0 … 1 where total is 0. Source: E. B. Wilson, 1927.
  Interval interval() const;

  bool operator==(const Share&) const = default;
};

/// "90.0 % (18 of 20, 95 % interval 69.9 % to 97.2 %)".
std::string to_text(const Share& share);
/// {"hits", "total", "share", "low", "high"}; the last three null where total is 0.
OrderedJson to_json(const Share& share);

/// Whether the caption tells something that the aspect judges. Objects, shapes, sharpness and palette always.
bool tells(const Caption& caption, Aspect aspect);

struct Tally {
  Share right;
  std::array<Share, kAspects.size()> aspects;  // by Aspect, of the captions that tell it
  std::map<size_t, Share> by_objects;          // right ones, by the number of objects in the caption
  int64_t not_understood = 0;                  // captions; these pictures are not judged
  int64_t failed = 0;                          // samples without a picture
  int64_t missing = 0;

  void add(const Caption& caption, const Judgement& judgement);
  const Share& of(Aspect aspect) const { return aspects.at(static_cast<size_t>(aspect)); }
};

std::string to_text(const Tally& tally);
OrderedJson to_json(const Tally& tally);

}  // namespace ditmesh

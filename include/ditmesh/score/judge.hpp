#pragma once
// Whether a picture shows what its caption tells. What the caption does not tell is free: sizes, places, the
// background, the order. What it does not name must not be there.

#include <string>
#include <vector>

#include "ditmesh/score/caption.hpp"
#include "ditmesh/score/look.hpp"

namespace ditmesh {

/// How much a picture may differ from what scenes.py draws. Chosen on drawn scenes alone: what an unsteady
/// hand draws is right, what a quarter was bitten off is not (measure_judge.py, results/judge-*.json).
struct JudgeLimits {
  double min_overlap = 0.80;     // of the best shape with the object's pixels
  double max_misplaced = 0.05;   // share of an object's area
  double max_edge_width = 4;     // pixels
  double max_colour_error = 40;  // levels of 0 … 255, Euclidean, of an object's mean colour
  double max_ground_error = 30;  // the same of the background
  double max_strays = 0.0005;    // share of the picture
  double min_order = 0.6;        // difference of centres, as a share of the sum of both radii
  double place_slack = 0.1;      // beyond the place's range, as a share of width or height
};

/// Aspects are judged apart: a picture may have the right shapes in the wrong order.
enum class Aspect : uint8_t {
  objects,     // as many as told, in the told colours
  shapes,      // every told object is there, in its shape, which is whole
  sizes,       // every object with a told size has it
  order,       // every told relation holds, a single object is in its place
  background,  // has the told colour
  sharpness,   // there are outlines, all narrow
  palette      // colours are those of the palette, and nothing else is in the picture
};
inline constexpr std::array kAspects = {Aspect::objects,    Aspect::shapes,    Aspect::sizes,  Aspect::order,
                                        Aspect::background, Aspect::sharpness, Aspect::palette};
std::string_view to_string(Aspect aspect);

struct Judgement {
  std::array<bool, kAspects.size()> holds{};  // by Aspect
  std::string why;                            // the first thing that is wrong, in a sentence; empty if right

  bool is_right() const;
  bool holds_for(Aspect aspect) const { return holds.at(static_cast<size_t>(aspect)); }
};

/// Objects are matched with those of the caption so that as much as possible agrees, colours before shapes
/// before all else. Height and width are the picture's, in pixels.
Judgement judge(const Seen& seen, const Caption& caption, double height, double width,
                const JudgeLimits& limits = {});

/// look_at() and judge() in one.
Judgement judge(const PictureView& picture, const Caption& caption, const JudgeLimits& limits = {});

}  // namespace ditmesh

#pragma once
// A measured quantity over another.

#include <vector>

namespace ditmesh {

struct CurvePoint {
  double x = 0;
  double y = 0;

  bool operator==(const CurvePoint&) const = default;
};

/// Points in order of x, which is above zero. Between two points on a line over log x; beyond the last one as
/// there; before the first one in proportion to x (a quarter of the rows, a quarter of the speed).
struct Curve {
  std::vector<CurvePoint> points{};

  bool empty() const { return points.empty(); }
  double at(double x) const;
  bool operator==(const Curve&) const = default;
};

}  // namespace ditmesh

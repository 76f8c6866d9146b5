#include "ditmesh/topology/curve.hpp"

#include <algorithm>
#include <cmath>

namespace ditmesh {

double Curve::at(double x) const {
  const CurvePoint& first = points.front();
  if (x <= first.x) return first.y * x / first.x;
  const auto above = std::lower_bound(points.begin(), points.end(), x,
                                      [](const CurvePoint& point, double value) { return point.x < value; });
  if (above == points.end()) return points.back().y;
  const auto below = above - 1;
  const double share = std::log(x / below->x) / std::log(above->x / below->x);
  return below->y + share * (above->y - below->y);
}

}  // namespace ditmesh

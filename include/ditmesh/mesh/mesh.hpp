#pragma once
// The mesh: how many ranks stand along each axis, and who stands where.

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// The axes of the mesh, fastest-varying first.
enum class Axis { tensor, ulysses, ring, pipeline, cfg, data };
inline constexpr std::array<Axis, 6> kAxes = {Axis::tensor,   Axis::ulysses, Axis::ring,
                                              Axis::pipeline, Axis::cfg,     Axis::data};
std::string_view axis_name(Axis axis);

/// One number per axis.
class PerAxis {
 public:
  int& operator[](Axis axis) { return values_[static_cast<size_t>(axis)]; }
  int operator[](Axis axis) const { return values_[static_cast<size_t>(axis)]; }
  bool operator==(const PerAxis&) const = default;

 private:
  std::array<int, kAxes.size()> values_{};
};

/// "ulysses=2,cfg=2": the degrees that are given. Throws ConfigError for unknown or repeated axes, degrees
/// below 1 and above the number of ranks, if that is known.
std::map<Axis, int> parse_degrees(std::string_view text, std::optional<int> num_ranks = {});

/// Degrees along the axes. The data degree is the number of replicas; the other
/// axes are the inner mesh, the same in every replica.
///
/// tensor=2, pipeline=2, data=2 on 8 ranks:
///   rank        0 1 2 3 4 5 6 7
///   tensor      0 1 0 1 0 1 0 1
///   pipeline    0 0 1 1 0 0 1 1
///   data        0 0 0 0 1 1 1 1
class Mesh {
 public:
  Mesh();  // one rank

  /// "ulysses=2,pipeline=2" on `num_ranks` ranks; a data degree that is not given takes all ranks that are
  /// left. Throws ConfigError for unknown axes, degrees below 1 and degrees that do not multiply to the
  /// ranks: to exactly as many, or to at most as many, the others being spares.
  enum class Ranks { all, up_to };
  static Mesh parse(std::string_view text, int num_ranks, Ranks ranks = Ranks::all);

  int degree(Axis axis) const { return degrees_[axis]; }
  int inner_size() const;
  int size() const { return inner_size() * degree(Axis::data); }

  PerAxis coordinate(int rank) const;
  int rank(const PerAxis& coordinate) const;
  /// The ranks that differ from `rank` only along `axis`, in order of their coordinate.
  std::vector<int> group(int rank, Axis axis) const;

  /// Sets a degree; for tests and planners.
  Mesh with(Axis axis, int degree) const;

  /// "data=4" or "ulysses=2,data=2": the axes above 1, or "data=1".
  std::string to_string() const;
  bool operator==(const Mesh&) const = default;

 private:
  PerAxis degrees_;
};

}  // namespace ditmesh

#include "ditmesh/mesh/mesh.hpp"

#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr std::array<std::string_view, kAxes.size()> kNames = {"tensor",   "ulysses", "ring",
                                                               "pipeline", "cfg",     "data"};

constexpr int kMostRanks = 1 << 24;

Axis axis_from_name(std::string_view name) {
  for (const Axis axis : kAxes) {
    if (axis_name(axis) == name) return axis;
  }
  throw ConfigError(cat("mesh axis '", name, "' is unknown",
                        did_you_mean(name, std::vector<std::string>(kNames.begin(), kNames.end()))),
                    cat("the axes are ", join(kNames, ", ")));
}

}  // namespace

std::string_view axis_name(Axis axis) { return kNames[static_cast<size_t>(axis)]; }

Mesh::Mesh() {
  for (const Axis axis : kAxes) degrees_[axis] = 1;
}

std::map<Axis, int> parse_degrees(std::string_view text, std::optional<int> num_ranks) {
  std::map<Axis, int> degrees;
  int64_t product = 1;
  const std::string most = num_ranks ? cat(" to ", *num_ranks, " (the ranks of this job)") : " or more";
  for (const std::string& item : split(text, ',')) {
    const size_t equals = item.find('=');
    const auto degree = equals == std::string::npos ? std::nullopt : parse_int(trim(item.substr(equals + 1)));
    if (!degree || *degree < 1 || *degree > num_ranks.value_or(kMostRanks)) {
      if (equals != std::string::npos) axis_from_name(trim(item.substr(0, equals)));
      throw ConfigError(
          cat("mesh '", text, "' must be AXIS=DEGREE[,…] with degrees of 1", most, ", found '", item, "'"),
          "for example --mesh ulysses=2,data=2, or --mesh auto");
    }
    const Axis axis = axis_from_name(trim(item.substr(0, equals)));
    if (!degrees.emplace(axis, static_cast<int>(*degree)).second)
      throw ConfigError(cat("mesh '", text, "' names the axis ", axis_name(axis), " twice"));
    product *= *degree;
    if (!num_ranks && product > kMostRanks) {
      throw ConfigError(cat("mesh '", text, "' multiplies to more than ", kMostRanks, " ranks"),
                        "lower the degrees");
    }
  }
  return degrees;
}

Mesh Mesh::parse(std::string_view text, int num_ranks, Ranks ranks) {
  const std::map<Axis, int> given = parse_degrees(text, num_ranks);
  Mesh mesh;
  for (const auto& [axis, degree] : given) mesh.degrees_[axis] = degree;
  int product = 1;
  for (const Axis axis : kAxes) {
    if (__builtin_mul_overflow(product, mesh.degrees_[axis], &product)) {
      throw ConfigError(cat("mesh '", text, "' multiplies to billions of ranks, the job has ", num_ranks),
                        "lower the degrees");
    }
  }
  const int inner = mesh.inner_size();
  const bool may_leave_some = ranks == Ranks::up_to;
  if (!given.contains(Axis::data) && (num_ranks % inner == 0 || (may_leave_some && inner <= num_ranks))) {
    mesh.degrees_[Axis::data] = num_ranks / inner;
  }
  if (mesh.size() > num_ranks || (mesh.size() < num_ranks && !may_leave_some)) {
    throw ConfigError(cat("mesh '", text, "' multiplies to ", mesh.size(), " ranks, the job has ", num_ranks),
                      cat("start it with mpirun -n ", mesh.size(), ", or change a degree"));
  }
  return mesh;
}

int Mesh::inner_size() const {
  int size = 1;
  for (const Axis axis : kAxes) {
    if (axis != Axis::data) size *= degrees_[axis];
  }
  return size;
}

PerAxis Mesh::coordinate(int rank) const {
  PerAxis coordinate;
  for (const Axis axis : kAxes) {
    coordinate[axis] = rank % degrees_[axis];
    rank /= degrees_[axis];
  }
  return coordinate;
}

int Mesh::rank(const PerAxis& coordinate) const {
  int rank = 0;
  int stride = 1;
  for (const Axis axis : kAxes) {
    rank += coordinate[axis] * stride;
    stride *= degrees_[axis];
  }
  return rank;
}

std::vector<int> Mesh::group(int rank_in_mesh, Axis axis) const {
  PerAxis place = coordinate(rank_in_mesh);
  std::vector<int> ranks;
  for (int i = 0; i < degree(axis); ++i) {
    place[axis] = i;
    ranks.push_back(rank(place));
  }
  return ranks;
}

Mesh Mesh::with(Axis axis, int degree) const {
  Mesh mesh = *this;
  mesh.degrees_[axis] = degree;
  return mesh;
}

std::string Mesh::to_string() const {
  std::vector<std::string> parts;
  for (const Axis axis : kAxes) {
    if (degree(axis) > 1) parts.push_back(cat(axis_name(axis), "=", degree(axis)));
  }
  return parts.empty() ? "data=1" : join(parts, ",");
}

}  // namespace ditmesh

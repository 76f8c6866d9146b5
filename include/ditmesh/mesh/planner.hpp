#pragma once
// All meshes that a model can be run on, ranked by what they are predicted to do.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/mesh/memory_cost.hpp"
#include "ditmesh/mesh/replica_cost.hpp"

namespace ditmesh {

enum class Objective { throughput, latency };

struct PlanRequest {
  ModelShape model{};
  Workload workload{};
  Implementation implementation{};
  Objective objective = Objective::throughput;
  std::vector<DeviceId> devices{};   // to be used, of the router's cluster
  bool allow_mixed_devices = false;  // replicas of several device models, each of one
  std::map<Axis, int> degrees{};     // that are given; others are found
  std::optional<int64_t> batch{};    // none: workload.batch and what doubling it gains
  std::optional<EncoderPlace> encoders{};
  std::vector<Range> stages{};  // given by hand; none: by cost
};

/// Replicas that stand alike.
struct ReplicaKind {
  int replica = 0;  // the first of them
  int count = 0;
  std::string device_model{};
  Level level = Level::self;  // of its farthest ranks
  AxisCosts axes{};
  ReplicaCost cost{};
};

struct PlannedMesh {
  Mesh mesh;
  Workload workload{};
  std::vector<Range> stages{};
  std::vector<ReplicaKind> kinds{};  // the one that most replicas are of comes first
  MemoryCost memory{};
  uint64_t device_bytes = 0;  // of the smallest device
  int spares = 0;
  double one_device_step_s = 0;  // a step of one picture on one of these devices, whether it fits or not
  double images_per_s = 0;       // of all replicas
  double image_s = 0;            // from prompt to picture, a batch of one or more
  double device_s = 0;           // of all ranks, for an image
  std::string reason{};          // one sentence

  const ReplicaCost& cost() const { return kinds.front().cost; }
  bool fits() const { return memory.peak() <= device_bytes; }
  /// What the replicas that stand farthest apart pay for it, in s of a step; 0 if all stand alike.
  double split_price_s() const;
};

struct MeshRanking {
  std::vector<PlannedMesh> ranked{};       // exact methods; or those with the patches that were asked for
  std::vector<PlannedMesh> approximate{};  // PipeFusion, which was not asked for: the best three
  std::vector<PlannedMesh> too_large{};    // for the devices' memory, the smallest need first
  double one_device_step_s = 0;            // a step of one picture on one device, whether it fits or not
};

/// Inner meshes of more ranks are not looked at: FLUX.1 has 24 heads and 57 blocks.
inline constexpr int kLargestInnerMesh = 64;

/// Throws ConfigError if there is no mesh at all for the degrees that are given, with the nearest that are.
MeshRanking rank_meshes(const Router& router, const PlanRequest& request);

/// Where a mesh stands among request.devices: all replicas on the device model that makes them fastest, or,
/// with allow_mixed_devices, on all models, each replica on one. Throws ConfigError if there is no room.
Placement place_by_model(const Router& router, const PlanRequest& request, const Mesh& mesh);

/// One mesh, whether it fits or not. Throws ConfigError if the model cannot be run on it, with the rule.
PlannedMesh plan_one(const Router& router, const PlanRequest& request, const Mesh& mesh,
                     const Placement& placement);

/// Why a model cannot run on an inner mesh; nothing if it can.
std::optional<std::string> obstacle(const ModelShape& model, const Workload& workload, const Mesh& inner);

}  // namespace ditmesh

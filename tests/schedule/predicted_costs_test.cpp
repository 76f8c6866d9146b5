// Two ways to one figure: the planner's closed forms, and the simulator that runs every rank's program.

#include "ditmesh/schedule/predicted_costs.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ditmesh/base/text.hpp"
#include "ditmesh/mesh/planner.hpp"
#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {
namespace {

struct Compared {
  std::string cluster;
  std::string mesh;
  int ranks;
  int patches = 1;
  int branches = 1;
  int64_t pixels = 1024;
  std::string model = "flux.1-dev";
};

std::vector<Compared> compared_meshes() {
  std::vector<Compared> all;
  for (const auto& [mesh, ranks] : {std::pair("data=1", 1),
                                    {"ulysses=2", 2},
                                    {"ulysses=4", 4},
                                    {"ulysses=8", 8},
                                    {"ring=2", 2},
                                    {"ring=4", 4},
                                    {"ring=8", 8},
                                    {"tensor=2", 2},
                                    {"tensor=4", 4},
                                    {"ulysses=2,ring=2", 4},
                                    {"ulysses=4,ring=2", 8},
                                    {"tensor=2,ulysses=2", 4},
                                    {"tensor=2,ulysses=2,ring=2", 8},
                                    {"ulysses=6", 6},
                                    {"ulysses=3,ring=2", 6},
                                    {"pipeline=2", 2},
                                    {"pipeline=4", 4},
                                    {"ulysses=2,pipeline=2", 4},
                                    {"ulysses=4,pipeline=2", 8},
                                    {"ulysses=2,data=4", 8}})
    all.push_back({"dgx-h100", mesh, ranks});
  for (const auto& [mesh, ranks] : {std::pair("ulysses=8", 8),
                                    {"ulysses=4,ring=2", 8},
                                    {"ulysses=8,ring=2", 16},
                                    {"ring=16", 16},
                                    {"ulysses=8,pipeline=2", 16},
                                    {"tensor=8,ring=2", 16},
                                    {"ulysses=8,data=2", 16}})
    all.push_back({"dgx-h200-x4", mesh, ranks, 1, 1, 2048});
  for (const auto& [mesh, ranks] : {std::pair("cfg=2", 2),
                                    {"ulysses=2,cfg=2", 4},
                                    {"ulysses=4,cfg=2", 8},
                                    {"ring=2,cfg=2", 4},
                                    {"pipeline=2,cfg=2", 4},
                                    {"ulysses=2,pipeline=2,cfg=2", 8},
                                    {"ulysses=2", 2},
                                    {"data=1", 1}})
    all.push_back({"dgx-a100", mesh, ranks, 1, 2, 1024, "sd3-medium"});
  for (const auto& [mesh, ranks] : {std::pair("ulysses=2", 2),
                                    {"ulysses=4", 4},
                                    {"ulysses=8", 8},
                                    {"ring=2", 2},
                                    {"ring=4", 4},
                                    {"tensor=2", 2},
                                    {"pipeline=4", 4},
                                    {"ulysses=2,ring=4", 8},
                                    {"ulysses=2,pipeline=4", 8}})
    all.push_back({"l40-8", mesh, ranks});
  for (const int patches : {2, 4, 8, 16}) {
    for (const auto& [mesh, ranks] : {std::pair("data=1", 1),
                                      {"pipeline=2", 2},
                                      {"pipeline=4", 4},
                                      {"pipeline=8", 8},
                                      {"ulysses=2,pipeline=4", 8}})
      all.push_back({"dgx-h100", mesh, ranks, patches});
  }
  return all;
}

class PlannerAndSimulator : public testing::TestWithParam<const char*> {};

TEST_P(PlannerAndSimulator, AgreeWithinFivePercent) {
  int num_compared = 0;
  double worst = 0;
  for (const Compared& each : compared_meshes()) {
    const std::string what =
        cat(each.model, " on ", each.cluster, ", ", each.mesh, ", patches ", each.patches);
    const Router router(read_cluster(each.cluster));
    PlanRequest request;
    request.model = find_model_shape(each.model);
    request.workload = {.height = each.pixels,
                        .width = each.pixels,
                        .steps = 28,
                        .text_tokens = request.model.text_tokens,
                        .branches = each.branches,
                        .patches = each.patches};
    request.implementation = find_implementation(GetParam());
    const Mesh mesh = Mesh::parse(each.mesh, each.ranks);
    const Placement placement = place(mesh, device_tree(router, router.cluster().healthy_devices()));
    const PlannedMesh planned = plan_one(router, request, mesh, placement);

    const Schedule schedule = make_schedule(mesh, request.model, request.workload, 0, planned.stages);
    const PredictedCosts costs(schedule, request.implementation,
                               router.cluster().models.at(planned.kinds.front().device_model));
    const Simulation simulation = simulate(schedule, router, placement.devices, costs);
    // Steps alone: what stands around them is one figure for both. Batches in flight are as many as stages,
    // so the first and the last one find the pipeline empty.
    const double outside_s = planned.cost().encode_s + planned.cost().prepare_s + planned.cost().decode_s;
    const double decoding_s = planned.cost().decode_s * schedule.batches;
    const double simulated_s = (simulation.total_s - decoding_s) / schedule.batches;
    const double predicted_s = planned.cost().period_s - outside_s;
    EXPECT_NEAR(predicted_s, simulated_s, 0.05 * simulated_s) << what;
    worst = std::max(worst, std::abs(predicted_s / simulated_s - 1));
    ++num_compared;
  }
  EXPECT_GE(num_compared, 50);
  RecordProperty("meshes", num_compared);
  RecordProperty("worst_difference", std::to_string(worst));
  std::cout << num_compared << " meshes, the worst " << percent(worst) << " apart\n";
}

INSTANTIATE_TEST_SUITE_P(Implementations, PlannerAndSimulator, testing::Values("ditmesh", "compiled"));

}  // namespace
}  // namespace ditmesh

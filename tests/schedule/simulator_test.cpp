// Simulated times against what one reckons by hand.

#include "ditmesh/schedule/simulator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/trace/perfetto.hpp"
#include "ditmesh/trace/summary.hpp"
#include "small_model.hpp"

namespace ditmesh::testing {
namespace {

// A millisecond for each block and each 100 tokens of it; nothing else costs anything.
class SimpleCosts : public OperationCosts {
 public:
  double seconds(const Operation& operation, int /*rank*/) const override {
    if (operation.kind != OperationKind::blocks) return 0;
    const auto rows = static_cast<double>(operation.text.size() + operation.image.size());
    return 1e-5 * rows * static_cast<double>(operation.blocks.size());
  }
  double attention_share(const Operation& /*operation*/) const override { return 0.5; }
  double start_seconds(Pattern /*pattern*/, int /*num_ranks*/, Level /*level*/) const override {
    return start_s;
  }

  double start_s = 0;
};

// Nodes with one device each, at one switch: 1 GB/s, 1 µs from node to node; PCIe is too fast to matter.
constexpr double kWay_s = 1e-6;
constexpr double kNear_s = 1e-8;  // PCIe after all
Cluster nodes_at_a_switch(int num_nodes) {
  NodeType type;
  type.name = "box";
  type.places = {{"numa0", PlaceKind::numa, -1, {1e15, 1e-12}, 0, {}}};
  type.devices = {{"gpu0", "", "", "", 0, {1e15, 1e-12}, 0}};
  type.nics = {{"nic0", "", NicKind::ethernet, 0, {1e9, 1e-6}}};
  Cluster cluster;
  cluster.name = "boxes";
  cluster.types = {type};
  cluster.switches = {{"leaf", -1, {}}};
  for (int node = 0; node < num_nodes; ++node)
    cluster.nodes.push_back({"n" + std::to_string(node), 0, {0}, -1, {}});
  return cluster;
}

std::vector<DeviceId> devices_of(const Cluster& cluster, int count) {
  std::vector<DeviceId> devices = cluster.healthy_devices();
  devices.resize(static_cast<size_t>(count));
  return devices;
}

Simulation simulate_on_nodes(const Schedule& schedule, const OperationCosts& costs,
                             const SimulationOptions& options = {}) {
  const Cluster cluster = nodes_at_a_switch(schedule.mesh.size());
  return simulate(schedule, Router(cluster), devices_of(cluster, schedule.mesh.size()), costs, options);
}

// 4 text tokens and 996 of the image, 10 blocks of 10 ms: a step takes 100 ms.
constexpr double kStep_s = 0.1;
Workload thousand_tokens(int steps) { return small_work(996, steps); }

TEST(Simulator, OneRankComputes) {
  const Simulation result =
      simulate_on_nodes(make_schedule(Mesh(), small_model(4, 6), thousand_tokens(5)), SimpleCosts());
  EXPECT_NEAR(result.total_s, 5 * kStep_s, kNear_s);
  EXPECT_NEAR(result.bubble_share, 0, 1e-12);
  ASSERT_EQ(result.step_s.size(), 5U);
  for (const double step_s : result.step_s) EXPECT_NEAR(step_s, kStep_s, kNear_s);
}

// Each block: q, k and v of 500 rows, the other's head, 8 B: 12,000 B; back 4,000 B. At 1 GB/s.
TEST(Simulator, UlyssesAddsItsBytes) {
  const Simulation result = simulate_on_nodes(
      make_schedule(mesh_of({{Axis::ulysses, 2}}), small_model(0, 10), thousand_tokens(5)), SimpleCosts());
  // At the end 498 rows of latents of 4 B.
  const double verbs_s = 10 * (12e-6 + 4e-6 + 2 * kWay_s);
  EXPECT_NEAR(result.total_s, 5 * (kStep_s / 2 + verbs_s) + 498 * 4e-9 + kWay_s, kNear_s);
  EXPECT_NEAR(result.step_s[2], kStep_s / 2 + verbs_s, kNear_s);
  EXPECT_NEAR(result.bytes[static_cast<size_t>(Level::leaf)], 5 * 10 * 2 * 16000 + 2 * 498 * 4, 1);
}

// Keys and values go around while attention, half of the time, runs: seen only when they take longer.
TEST(Simulator, RingIsHiddenBehindAttention) {
  const Mesh mesh = mesh_of({{Axis::ring, 2}});
  const Schedule schedule = make_schedule(mesh, small_model(0, 10), thousand_tokens(5));
  const double end_s = 498 * 4e-9 + kWay_s;
  EXPECT_NEAR(simulate_on_nodes(schedule, SimpleCosts()).total_s, 5 * kStep_s / 2 + end_s, kNear_s);
  SimpleCosts slow;
  slow.start_s = 5e-3;  // of each block's exchange, which has 2.5 ms beside it
  // 500 rows, k and v of both heads: 16,000 B.
  const double block_s = 2.5e-3 + 5e-3 + kWay_s + 16e-6;
  EXPECT_NEAR(simulate_on_nodes(schedule, slow).total_s, 5 * 10 * block_s + end_s + 5e-3, kNear_s);
}

// Around the ring: each of 4 ranks sends its 250 rows to 3 others, in 3 rounds; then the sums of 750.
TEST(Simulator, TensorGathersAndScatters) {
  const Simulation result = simulate_on_nodes(
      make_schedule(mesh_of({{Axis::tensor, 4}}), small_model(0, 10), thousand_tokens(1)), SimpleCosts());
  const double verb_s = 3 * 250 * 16e-9 + 3 * kWay_s;
  EXPECT_NEAR(result.step_s[0], kStep_s / 4 + 10 * 2 * verb_s, kNear_s);
}

struct Pipelined {
  int stages;
  int patches;
};
std::ostream& operator<<(std::ostream& out, const Pipelined& p) {
  return out << p.stages << "x" << p.patches;
}
class PipeFusionTimes : public ::testing::TestWithParam<Pipelined> {};

// A patch takes tokens / M · blocks / S in a stage. A step then takes max(M, S) such times, for with fewer
// patches than stages a patch must come around before it goes on.
TEST_P(PipeFusionTimes, AreThoseOfTheDearest) {
  const auto [stages, patches] = GetParam();
  Workload work = small_work(48000, 12);
  work.patches = patches;
  const Schedule schedule = make_schedule(mesh_of({{Axis::pipeline, stages}}), small_model(0, 12), work);
  const Simulation result = simulate_on_nodes(schedule, SimpleCosts());
  const double visit_s = 1e-5 * 48004 / patches * 12 / stages;
  const double expected_s = std::max(stages, patches) * visit_s;
  // Messages on the way and the 4 text tokens are the tolerance.
  for (size_t step = 4; step < 11; ++step)
    EXPECT_NEAR(result.step_s[step], expected_s, 0.01 * expected_s) << step;
}

INSTANTIATE_TEST_SUITE_P(Table, PipeFusionTimes,
                         ::testing::Values(Pipelined{1, 1}, Pipelined{1, 4}, Pipelined{2, 2}, Pipelined{2, 4},
                                           Pipelined{3, 2}, Pipelined{3, 6}, Pipelined{4, 3}, Pipelined{4, 4},
                                           Pipelined{6, 12}));

// Patch 0 carries the text. It must come around all stages before it goes on, and with few patches that takes
// longer than all patches in one stage: 4 stages × 2,000 rows, not 5,000.
TEST(Simulator, TextMakesPatch0TheDearest) {
  Workload work = small_work(4000, 12);
  work.text_tokens = 1000;
  const auto step_s = [&](int patches) {
    work.patches = patches;
    const Mesh mesh = mesh_of({{Axis::pipeline, 4}});
    return simulate_on_nodes(make_schedule(mesh, small_model(0, 4), work), SimpleCosts()).step_s[6];
  };
  EXPECT_NEAR(step_s(4), 4 * 2000 * 1e-5, 1e-3);
  EXPECT_NEAR(step_s(8), 4 * 1500 * 1e-5, 1e-3);
  EXPECT_NEAR(step_s(20), 5000 * 1e-5, 1e-3);
}

// As many batches as stages, or more: one is finished every time the dearest stage has done its blocks.
TEST(Simulator, ImagePipeliningRunsAtTheDearestStage) {
  const Mesh mesh = mesh_of({{Axis::pipeline, 3}});
  const std::vector<Range> stages = {{0, 3}, {3, 8}, {8, 10}};
  for (const int batches : {3, 5}) {
    const Schedule schedule = make_schedule(mesh, small_model(4, 6), thousand_tokens(20), batches, stages);
    const Simulation result = simulate_on_nodes(schedule, SimpleCosts());
    const double dearest_s = 5 * 1e-2;
    // A step of all batches. Messages are some µs.
    for (size_t step = 2; step < 20; ++step) EXPECT_NEAR(result.step_s[step], batches * dearest_s, 1e-3);
    EXPECT_NEAR(result.total_s, 20 * batches * dearest_s + 3 * 1e-2 + 2 * 1e-2, 3e-3);
  }
  // Alone in the pipeline a batch takes all stages' time.
  const Simulation alone =
      simulate_on_nodes(make_schedule(mesh, small_model(4, 6), thousand_tokens(5), 1, stages), SimpleCosts());
  EXPECT_NEAR(alone.step_s[3], kStep_s, 1e-3);
  EXPECT_NEAR(alone.bubble_share, 2.0 / 3, 0.01);
}

// Sends that block add the messages' time to the stages'; they never end the program's life.
TEST(Simulator, BlockingSendsCostTheirTime) {
  Workload work = small_work(48000, 12);
  work.patches = 4;
  const Schedule schedule = make_schedule(mesh_of({{Axis::pipeline, 2}}), small_model(0, 12), work);
  SimpleCosts costs;
  costs.start_s = 0.1;
  const Simulation overlapped = simulate_on_nodes(schedule, costs);
  const Simulation blocking = simulate_on_nodes(schedule, costs, {true});
  // A stage's visit of 0.72 s, with a message of 0.1 s and its bytes in each direction.
  EXPECT_NEAR(overlapped.step_s[6], 4 * 0.72, 0.06);
  EXPECT_GT(blocking.step_s[6], 4 * (0.72 + 0.1));
  EXPECT_LT(blocking.step_s[6], 4 * (0.72 + 0.3));
}

// Two replicas over one cable: each NIC serves the device pairs 0-2 and 1-3.
TEST(Simulator, ReplicasShareLinks) {
  Cluster cluster = nodes_at_a_switch(2);
  cluster.types[0].devices.push_back(cluster.types[0].devices[0]);
  cluster.types[0].devices[1].name = "gpu1";
  const std::vector<DeviceId> apart = {{0, 0}, {1, 0}, {0, 1}, {1, 1}};
  const Mesh mesh = mesh_of({{Axis::ulysses, 2}});
  const ModelShape model = small_model(0, 10);
  const Simulation one = simulate(make_schedule(mesh, model, thousand_tokens(1)), Router(cluster),
                                  {apart.begin(), apart.begin() + 2}, SimpleCosts());
  const Simulation two = simulate(make_schedule(mesh.with(Axis::data, 2), model, thousand_tokens(1)),
                                  Router(cluster), apart, SimpleCosts());
  const double bytes_s = 10 * (12e-6 + 4e-6);
  EXPECT_NEAR(one.step_s[0], kStep_s / 2 + bytes_s + 20 * kWay_s, kNear_s);
  EXPECT_NEAR(two.step_s[0], kStep_s / 2 + 2 * bytes_s + 20 * kWay_s, kNear_s);
}

TEST(Simulator, TracesAreThoseOfARun) {
  Workload work = thousand_tokens(4);
  work.patches = 2;
  work.batch = 3;
  const Mesh mesh = mesh_of({{Axis::ulysses, 2}, {Axis::pipeline, 2}, {Axis::data, 2}});
  const Simulation result = simulate_on_nodes(make_schedule(mesh, small_model(4, 6), work), SimpleCosts());
  ASSERT_EQ(result.trace.ranks.size(), 8U);
  const RankTrace& rank = result.trace.ranks[6];
  EXPECT_EQ(rank.info.coordinate, "ulysses=0,pipeline=1,data=1");
  EXPECT_EQ(rank.info.host, "n6");
  int num_steps = 0;
  int64_t until_ns = 0;
  int64_t last_start_ns = 0;
  for (const Span& span : rank.spans) {
    EXPECT_GE(span.start_ns, last_start_ns);  // in order of start, as a reader wants them
    last_start_ns = span.start_ns;
    if (span.phase == Phase::denoise) {
      EXPECT_EQ(span.step, num_steps);
      ++num_steps;
      EXPECT_EQ(span.sample, 3);  // the second replica's first
      EXPECT_GE(span.start_ns, until_ns);
      until_ns = span.end_ns();
    } else if (span.phase == Phase::communicate && span.end_ns() <= until_ns) {
      EXPECT_GE(span.duration_ns, 0);
    }
  }
  EXPECT_EQ(num_steps, 4);

  const TraceSummary summary = summarise(result.trace);
  EXPECT_EQ(summary.num_samples, 6);
  EXPECT_NEAR(summary.elapsed_s, result.total_s, 1e-6);
  double compute_s = 0;
  double useful_s = 0;
  for (const double seconds : result.compute_s) compute_s += seconds;
  for (const RankSummary& one : summary.ranks) useful_s += one.useful_s;
  EXPECT_NEAR(useful_s, compute_s, 1e-3 * compute_s);
  EXPECT_NEAR(summary.parallel_efficiency, 1 - result.bubble_share, 1e-2);

  std::ostringstream out;
  write_perfetto(result.trace, out);
  const auto events = OrderedJson::parse(out.str())["traceEvents"];
  size_t num_spans = 0;
  for (const auto& event : events) num_spans += event["ph"] == "X" ? 1 : 0;
  size_t expected = 0;
  for (const RankTrace& one : result.trace.ranks) expected += one.spans.size();
  EXPECT_EQ(num_spans, expected);
}

TEST(Simulator, TwoRunsAreTheSame) {
  Workload work = thousand_tokens(4);
  work.patches = 3;
  const Schedule schedule =
      make_schedule(mesh_of({{Axis::ulysses, 2}, {Axis::pipeline, 3}}), small_model(4, 6), work);
  const Simulation a = simulate_on_nodes(schedule, SimpleCosts());
  const Simulation b = simulate_on_nodes(schedule, SimpleCosts());
  EXPECT_EQ(a.total_s, b.total_s);
  for (size_t rank = 0; rank < a.trace.ranks.size(); ++rank)
    EXPECT_EQ(a.trace.ranks[rank], b.trace.ranks[rank]);
}

struct Large {
  const char* mesh;
  int num_ranks;
  int patches;
  double most_s;
};
std::ostream& operator<<(std::ostream& out, const Large& large) { return out << large.mesh; }
class LargeSimulations : public ::testing::TestWithParam<Large> {};

TEST_P(LargeSimulations, AreFast) {
  const auto& [text, num_ranks, patches, most_s] = GetParam();
  const Router router(read_cluster("dgx-h100-x64"));
  Workload work;
  work.patches = patches;
  const Schedule schedule = make_schedule(Mesh::parse(text, num_ranks), find_model_shape("flux.1-dev"), work);
  const auto start = std::chrono::steady_clock::now();
  const Simulation result =
      simulate(schedule, router, devices_of(router.cluster(), num_ranks), SimpleCosts());
  const double took_s = seconds_since(start);
  std::cout << "  " << text << ": " << took_s * 1e3 << " ms, simulated " << result.total_s << " s\n";
  EXPECT_LT(took_s, most_s);
  EXPECT_GT(result.total_s, 0);
}

INSTANTIATE_TEST_SUITE_P(Flux, LargeSimulations,
                         ::testing::Values(Large{"ulysses=8,ring=2", 16, 1, 0.5},
                                           Large{"ulysses=4,pipeline=4", 16, 8, 0.5},
                                           Large{"tensor=2,ulysses=4,pipeline=2", 16, 8, 0.5},
                                           Large{"pipeline=16", 16, 16, 0.5},
                                           Large{"ulysses=8,data=16", 128, 1, 2},
                                           Large{"ulysses=8,pipeline=4,data=16", 512, 4, 5}));

}  // namespace
}  // namespace ditmesh::testing

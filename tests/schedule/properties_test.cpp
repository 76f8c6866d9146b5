// What must hold for every mesh, model and workload.

#include <gtest/gtest.h>

#include <random>

#include "ditmesh/base/text.hpp"
#include "program_checker.hpp"
#include "random_schedule.hpp"

namespace ditmesh::testing {
namespace {

std::string describe(const Schedule& schedule) {
  return cat(schedule.mesh.to_string(), ", ", schedule.workload.steps, " steps, ", schedule.workload.patches,
             " patches, warm-up ", schedule.workload.warmup_steps, ", ", schedule.workload.branches,
             " branches, ", schedule.batches, " batches, ", schedule.num_text(), " + ", schedule.num_image(),
             " tokens, blocks ", schedule.model.num_joint_blocks, " + ", schedule.model.num_single_blocks);
}

TEST(ProgramProperties, HoldForRandomMeshes) {
  std::mt19937 random(1);
  int64_t num_operations = 0;
  int largest = 0;
  for (int i = 0; i < 2500; ++i) {
    const Schedule schedule = random_schedule(random);
    const std::vector<Program> programs = programs_of(schedule);
    const auto fault = find_fault(schedule, programs);
    ASSERT_FALSE(fault) << describe(schedule) << ": " << *fault;
    for (const Program& program : programs) num_operations += static_cast<int64_t>(program.size());
    largest = std::max(largest, schedule.mesh.size());
    // A rank's program is a function of the schedule and its rank alone.
    const int rank = static_cast<int>(random() % static_cast<unsigned>(schedule.mesh.size()));
    ASSERT_EQ(program_of(schedule, rank), programs[static_cast<size_t>(rank)]) << describe(schedule);
  }
  EXPECT_GT(largest, 3000);
  RecordProperty("operations", cat(num_operations));
}

TEST(ProgramProperties, HoldForThe4096RanksOfAllAxes) {
  ModelShape model = find_model_shape("flux.1-dev");
  Workload work;
  work.steps = 4;
  work.patches = 8;
  work.branches = 2;
  work.height = work.width = 2048;
  const Mesh mesh = Mesh::parse("tensor=4,ulysses=8,ring=8,pipeline=8,cfg=2", 4096);
  const Schedule schedule = make_schedule(mesh, model, work);
  const auto fault = find_fault(schedule, programs_of(schedule));
  EXPECT_FALSE(fault) << *fault;
}

// The steps of a program: what one rank sends in a step the other receives in it, in the same order, and only
// to later stages, so that none waits for another in a circle.
TEST(ProgramProperties, StepsMeetInThemselves) {
  std::mt19937 random(6);
  for (int i = 0; i < 300; ++i) {
    const Schedule schedule = random_schedule(random);
    if (schedule.mesh.size() > 64) continue;
    const std::vector<Program> programs = programs_of(schedule);
    for (int step = 0; step < schedule.workload.steps; ++step) {
      for (int rank = 0; rank < schedule.mesh.size(); ++rank) {
        for (const Operation& sent : step_of(programs[static_cast<size_t>(rank)], step)) {
          if (sent.kind != OperationKind::send) continue;
          ASSERT_GT(sent.peer, rank) << describe(schedule);
        }
        for (const int other : schedule.mesh.group(rank, Axis::pipeline)) {
          Program sends;
          Program receives;
          for (Operation& operation : step_of(programs[static_cast<size_t>(rank)], step)) {
            if (operation.kind == OperationKind::send && operation.peer == other) sends.push_back(operation);
          }
          for (Operation operation : step_of(programs[static_cast<size_t>(other)], step)) {
            if (operation.kind != OperationKind::receive || operation.peer != rank) continue;
            operation.kind = OperationKind::send;
            operation.peer = other;
            receives.push_back(operation);
          }
          ASSERT_EQ(sends, receives) << describe(schedule) << ", step " << step;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ditmesh::testing

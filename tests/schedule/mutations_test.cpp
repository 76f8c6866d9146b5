// The checker must see what a wrong generator would do: programs that are right are broken in one place.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ditmesh/base/text.hpp"
#include "program_checker.hpp"
#include "random_schedule.hpp"
#include "small_model.hpp"

namespace ditmesh::testing {
namespace {

using Programs = std::vector<Program>;

// 3 stages of 2 ranks each, 4 patches, 4 steps of which the first with all tokens, 2 branches on each rank.
Schedule schedule_to_break() {
  Workload work = small_work(16, 4);
  work.patches = 4;
  work.branches = 2;
  return make_schedule(mesh_of({{Axis::ulysses, 2}, {Axis::pipeline, 3}}), small_model(2, 4), work);
}

// Place of the n-th operation for which this holds.
size_t find(const Program& program, const std::function<bool(const Operation&)>& is_it, int number = 0) {
  for (size_t i = 0; i < program.size(); ++i) {
    if (is_it(program[i]) && number-- == 0) return i;
  }
  throw std::logic_error("no such operation");
}

auto of_kind(OperationKind kind, int step, int patch) {
  return [=](const Operation& operation) {
    return operation.kind == kind && operation.step == step && operation.patch == patch;
  };
}

struct Mutation {
  const char* name;
  std::function<void(Programs&)> apply;
  const char* fault;  // part of what is said
};
std::ostream& operator<<(std::ostream& out, const Mutation& mutation) { return out << mutation.name; }

void drop(Program& program, OperationKind kind, int step, int patch) {
  program.erase(program.begin() + static_cast<std::ptrdiff_t>(find(program, of_kind(kind, step, patch))));
}

Operation& at(Program& program, OperationKind kind, int step, int patch) {
  return program[find(program, of_kind(kind, step, patch))];
}

// A stage of two ranks does the same to both.
void on_stage(Programs& programs, int stage, const std::function<void(Program&)>& change) {
  for (const int rank : {2 * stage, 2 * stage + 1}) change(programs[static_cast<size_t>(rank)]);
}

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> kMutations = {
      {"ReceiveDropped", [](Programs& p) { drop(p[2], OperationKind::receive, 2, 1); }, "has no such rows"},
      {"SendDropped", [](Programs& p) { drop(p[2], OperationKind::send, 2, 1); }, "has not sent on"},
      {"SendToAnotherRank", [](Programs& p) { at(p[2], OperationKind::send, 2, 1).peer = 5; },
       "waits for ever"},
      {"OtherBytes", [](Programs& p) { at(p[2], OperationKind::send, 2, 1).bytes += 1; }, "meets"},
      {"PatchesSwappedInAStage",
       [](Programs& p) {
         // From the receive of patch 1 to the send of patch 2, the second branch's too.
         on_stage(p, 1, [](Program& program) {
           const auto first = find(program, of_kind(OperationKind::receive, 2, 1));
           const auto middle = find(program, of_kind(OperationKind::receive, 2, 2));
           const auto last = find(program, of_kind(OperationKind::receive, 2, 3));
           const auto begin = program.begin();
           std::rotate(begin + static_cast<std::ptrdiff_t>(first),
                       begin + static_cast<std::ptrdiff_t>(middle),
                       begin + static_cast<std::ptrdiff_t>(last));
         });
       },
       "meets"},
      {"PatchesSwappedInAllStages",
       [](Programs& p) {
         for (Program& program : p) {
           for (Operation& operation : program) {
             if (operation.patch == 1) {
               operation.patch = 2;
             } else if (operation.patch == 2) {
               operation.patch = 1;
             }
           }
           // Same places, each with the other's tokens.
           for (Operation& operation : program) {
             if (operation.patch < 1 || operation.patch > 2) continue;
             const int64_t shift = operation.patch == 2 ? 4 : -4;
             for (Range* range : {&operation.tokens, &operation.image}) {
               range->begin += shift;
               range->end += shift;
             }
           }
         }
       },
       "reads what is not in the cache"},
      {"StaleStepRead",
       [](Programs& p) {
         on_stage(p, 1, [](Program& program) { at(program, OperationKind::blocks, 3, 1).reads[1].step = 1; });
       },
       "reads another step than it must"},
      {"FreshReadOfWhatIsNotThere",
       [](Programs& p) {
         on_stage(p, 1, [](Program& program) { at(program, OperationKind::blocks, 3, 1).reads[1].step = 3; });
       },
       "reads another step than it must"},
      {"TokensNotRead",
       [](Programs& p) {
         on_stage(p, 1, [](Program& program) { at(program, OperationKind::blocks, 3, 1).reads.pop_back(); });
       },
       "does not read all tokens once"},
      {"BlocksDropped",
       [](Programs& p) {
         on_stage(p, 0, [](Program& program) { drop(program, OperationKind::blocks, 1, 0); });
       },
       "is not at this block"},
      {"VerbDropped", [](Programs& p) { at(p[3], OperationKind::blocks, 1, 0).collectives.pop_back(); },
       "is in a verb with"},
      {"VerbOfOtherPattern",
       [](Programs& p) {
         at(p[3], OperationKind::blocks, 1, 0).collectives[0].pattern = Pattern::all_gather;
       },
       "another verb"},
      {"SchedulerDropped",
       [](Programs& p) {
         on_stage(p, 2, [](Program& program) { drop(program, OperationKind::scheduler, 2, 0); });
       },
       "has no such latents"},
      {"SchedulerBeforeTheSecondBranch",
       [](Programs& p) {
         on_stage(p, 2, [](Program& program) {
           const size_t place = find(program, of_kind(OperationKind::scheduler, 2, 0));
           const Operation scheduler = program[place];
           program.erase(program.begin() + static_cast<std::ptrdiff_t>(place));
           const size_t head = find(program, of_kind(OperationKind::head, 2, 0));
           program.insert(program.begin() + static_cast<std::ptrdiff_t>(head) + 1, scheduler);
         });
       },
       "has no such prediction"},
      {"LatentsNotGatheredBeforeThePatches",
       [](Programs& p) {
         on_stage(p, 2, [](Program& program) { drop(program, OperationKind::collective, 0, kAllPatches); });
       },
       "has no such latents"},
      {"LatentsTakenTooLate",
       [](Programs& p) {
         // As one would write it at first: just before they are needed, when the stages are full.
         on_stage(p, 0, [](Program& program) {
           for (int step = 1; step < 4; ++step) {
             for (int patch = 0; patch < 4; ++patch) {
               const size_t place = find(program, of_kind(OperationKind::receive, step, patch));
               const Operation receive = program[place];
               program.erase(program.begin() + static_cast<std::ptrdiff_t>(place));
               const size_t embed = find(program, of_kind(OperationKind::embed, step, patch));
               program.insert(program.begin() + static_cast<std::ptrdiff_t>(embed), receive);
             }
           }
         });
       },
       "waits for ever"},
      {"TokensHeldTwice",
       [](Programs& p) {
         for (const size_t rank : {0U, 2U, 4U}) {
           for (Operation& operation : p[rank]) {
             if (operation.step == 3 && operation.patch == 3) operation.image.end += 1;
           }
         }
       },
       "has no such latents"},
      {"TextTwice",
       [](Programs& p) {
         on_stage(p, 1, [](Program& program) {
           Operation& operation = at(program, OperationKind::blocks, 3, 1);
           operation.tokens.begin = 0;
         });
       },
       "writes keys and values twice"},
      {"NotDecoded", [](Programs& p) { p[1].pop_back(); }, "has not decoded"},
  };
  return kMutations;
}

class Mutations : public ::testing::TestWithParam<Mutation> {};

TEST_P(Mutations, AreSeen) {
  const Schedule schedule = schedule_to_break();
  Programs programs = programs_of(schedule);
  ASSERT_FALSE(find_fault(schedule, programs));
  GetParam().apply(programs);
  const auto fault = find_fault(schedule, programs);
  ASSERT_TRUE(fault);
  EXPECT_NE(fault->find(GetParam().fault), std::string::npos) << *fault;
}

INSTANTIATE_TEST_SUITE_P(All, Mutations, ::testing::ValuesIn(mutations()),
                         [](const auto& test) { return test.param.name; });

// Nothing in a program is there for nothing.
TEST(RandomMutations, NoOperationMayBeMissing) {
  std::mt19937 random(2);
  for (int i = 0; i < 1500; ++i) {
    const Schedule schedule = random_schedule(random);
    if (schedule.mesh.size() > 64) continue;
    Programs programs = programs_of(schedule);
    Program& program = programs[random() % programs.size()];
    const auto place = static_cast<std::ptrdiff_t>(random() % program.size());
    const Operation dropped = program[static_cast<size_t>(place)];
    program.erase(program.begin() + place);
    EXPECT_TRUE(find_fault(schedule, programs)) << schedule.mesh.to_string() << ": " << dropped;
  }
}

}  // namespace
}  // namespace ditmesh::testing

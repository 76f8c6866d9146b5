// The bytes that operations say, against those of the tokens that they say are held: by whom, is read from
// the other ranks' programs.

#include <gtest/gtest.h>

#include <random>

#include "program_checker.hpp"
#include "random_schedule.hpp"

namespace ditmesh::testing {
namespace {

class Reckoning {
 public:
  Reckoning(const Schedule& schedule, const std::vector<Program>& programs, int rank, size_t place)
      : schedule_(schedule),
        mesh_(schedule.mesh),
        programs_(programs),
        rank_(rank),
        place_(place),
        element_bytes_(schedule.workload.batch * schedule.workload.element_size()) {}

  int64_t message() const {
    const Operation& operation = of(rank_);
    return operation.payload == Payload::rows ? rows(rank_) * width_bytes() : latents(rank_);
  }
  int64_t latents(int rank) const {
    return of(rank).image.size() * schedule_.model.in_channels * element_bytes_;
  }

  // What the verbs of a block send, in their order.
  std::vector<int64_t> verbs() const {
    std::vector<int64_t> bytes;
    const auto stream = [&](const auto& size) {
      int64_t others = 0;
      const auto group = mesh_.group(rank_, Axis::tensor);
      for (const int other : group) others += other == rank_ ? 0 : size(of(other));
      bytes.push_back(size(of(rank_)) * (static_cast<int64_t>(group.size()) - 1) * width_bytes());
      bytes.push_back(others * width_bytes());
    };
    if (mesh_.degree(Axis::tensor) > 1 && of(rank_).block_kind == BlockKind::single) {
      stream([](const Operation& o) { return o.text.size() + o.image.size(); });
    } else if (mesh_.degree(Axis::tensor) > 1) {
      if (of(rank_).tokens.begin == 0) stream([](const Operation& o) { return o.text.size(); });
      stream([](const Operation& o) { return o.image.size(); });
    }
    int64_t others_to = 0;    // this rank's rows, heads of others
    int64_t others_from = 0;  // the others' rows, heads of this rank
    int64_t ring = 0;
    for (const int other : mesh_.group(rank_, Axis::ulysses)) {
      ring += gathered_rows(other) * 2 * heads(rank_) * head_bytes();
      if (other == rank_) continue;
      others_to += gathered_rows(rank_) * 3 * heads(other) * head_bytes();
      others_from += gathered_rows(other) * heads(rank_) * head_bytes();
    }
    if (mesh_.degree(Axis::ulysses) > 1) bytes.push_back(others_to);
    if (mesh_.degree(Axis::ring) > 1 && heads(rank_) > 0) bytes.push_back(ring);
    if (mesh_.degree(Axis::ulysses) > 1) bytes.push_back(others_from);
    return bytes;
  }

 private:
  const Operation& of(int rank) const { return programs_[static_cast<size_t>(rank)][place_]; }
  int64_t rows(int rank) const { return of(rank).text.size() + of(rank).image.size(); }
  int64_t gathered_rows(int rank) const {
    int64_t sum = 0;
    for (const int other : mesh_.group(rank, Axis::tensor)) sum += rows(other);
    return sum;
  }
  int64_t heads(int rank) const {
    const PerAxis place = mesh_.coordinate(rank);
    const Range tensor = part_of(schedule_.model.num_heads, mesh_.degree(Axis::tensor), place[Axis::tensor]);
    return part_of(tensor.size(), mesh_.degree(Axis::ulysses), place[Axis::ulysses]).size();
  }
  int64_t width_bytes() const { return schedule_.model.width * element_bytes_; }
  int64_t head_bytes() const { return schedule_.model.head_dim() * element_bytes_; }

  const Schedule& schedule_;
  const Mesh& mesh_;
  const std::vector<Program>& programs_;
  int rank_;
  size_t place_;
  int64_t element_bytes_;
};

TEST(Bytes, AreThoseOfTheTokensHeld) {
  std::mt19937 random(7);
  for (int i = 0; i < 600; ++i) {
    const Schedule schedule = random_schedule(random);
    if (schedule.mesh.size() > 128) continue;
    const std::vector<Program> programs = programs_of(schedule);
    // A few ranks of each; whose neighbours are looked at, too.
    for (int sample = 0; sample < 4; ++sample) {
      const int rank = random_int(random, 0, schedule.mesh.size() - 1);
      const Program& program = programs[static_cast<size_t>(rank)];
      for (size_t place = 0; place < program.size(); ++place) {
        const Operation& operation = program[place];
        const Reckoning reckoning(schedule, programs, rank, place);
        if (operation.kind == OperationKind::send || operation.kind == OperationKind::receive) {
          ASSERT_EQ(operation.bytes, reckoning.message()) << operation;
        } else if (operation.kind == OperationKind::blocks) {
          std::vector<int64_t> said;
          for (const Collective& verb : operation.collectives) said.push_back(verb.bytes);
          ASSERT_EQ(said, reckoning.verbs()) << schedule.mesh.to_string() << ": " << operation;
        } else if (operation.kind == OperationKind::collective && operation.payload == Payload::prediction) {
          ASSERT_EQ(operation.collectives[0].bytes, reckoning.latents(rank)) << operation;
        }
      }
    }
  }
}

// The gathers at the end bring every rank what it does not hold, once: in all (ranks − 1) pictures.
TEST(Bytes, LatentsAreGatheredWhole) {
  std::mt19937 random(8);
  for (int i = 0; i < 300; ++i) {
    const Schedule schedule = random_schedule(random);
    if (schedule.mesh.size() > 128) continue;
    const std::vector<Program> programs = programs_of(schedule);
    const int64_t image_bytes = schedule.num_image() * schedule.model.in_channels * schedule.workload.batch *
                                schedule.workload.element_size();
    // Of the last batch, in the first stage.
    int64_t sent = 0;
    const int shards = schedule.shards();
    for (int rank = 0; rank < shards; ++rank) {
      const Program& program = programs[static_cast<size_t>(rank)];
      for (size_t place = program.size() - 1; place-- > 0;) {
        const Operation& operation = program[place];
        const bool is_gather = operation.kind == OperationKind::collective &&
                               operation.collectives[0].pattern == Pattern::all_gather;
        if (!is_gather) break;
        sent += operation.collectives[0].bytes;
      }
    }
    ASSERT_EQ(sent, image_bytes * (shards - 1)) << schedule.mesh.to_string();
  }
}

}  // namespace
}  // namespace ditmesh::testing

#include <algorithm>
#include <utility>

#include "block_collectives.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "pipeline.hpp"

namespace ditmesh {

namespace {

// A part as this rank sees it.
struct HeldPart {
  TokenRun part{};
  Range tokens{};
  Range text{};
  Range image{};
  std::vector<Collective> joint{};
  std::vector<Collective> single{};

  int64_t num_rows() const { return text.size() + image.size(); }
};

class Generator {
 public:
  Generator(const Schedule& schedule, int rank)
      : schedule_(schedule), rank_(rank), coordinate_(schedule.mesh.coordinate(rank)) {
    whole_ = held_parts(0);
    patches_ = held_parts(schedule.workload.steps - 1);
    const bool both = schedule.mesh.degree(Axis::cfg) == 1 && schedule.workload.branches == 2;
    branches_ = both ? std::vector<int>{0, 1} : std::vector<int>{coordinate_[Axis::cfg]};
  }

  Program run() {
    const PipelineOrder order = pipeline_order(schedule_, branches_);
    for (size_t i = 0; i < order.visits.size(); ++i) {
      const StageVisit& visit = order.visits[i];
      if (is_first()) {
        take_latents(order, visit.needed_latents);
        add(OperationKind::embed, visit);
      } else {
        message(OperationKind::receive, visit, stage() - 1);
      }
      blocks(visit);
      if (is_last()) {
        finish_visit(order, i);
      } else {
        if (is_first()) take_latents(order, order.taken_before_send(i, num_stages()));
        message(OperationKind::send, visit, stage() + 1);
      }
    }
    for (int batch = 0; batch < schedule_.batches; ++batch) finish_batch(batch);
    return std::move(program_);
  }

 private:
  int stage() const { return coordinate_[Axis::pipeline]; }
  int num_stages() const { return schedule_.mesh.degree(Axis::pipeline); }
  bool is_first() const { return stage() == 0; }
  bool is_last() const { return stage() == num_stages() - 1; }

  std::vector<HeldPart> held_parts(int step) const {
    std::vector<HeldPart> held;
    for (const TokenRun& part : schedule_.parts(step)) {
      const TokenLayout layout = schedule_.layout(part, coordinate_);
      HeldPart here{part, part.image, layout.text_held, layout.image_held, {}, {}};
      here.tokens.begin -= layout.num_text;
      here.image.begin += part.image.begin;
      here.image.end += part.image.begin;
      for (const BlockKind kind : {BlockKind::joint, BlockKind::single}) {
        auto& verbs = kind == BlockKind::joint ? here.joint : here.single;
        add_tensor_collectives(schedule_, coordinate_, layout, kind, verbs);
        add_sequence_collectives(schedule_, coordinate_, layout, verbs);
      }
      held.push_back(std::move(here));
    }
    return held;
  }

  const HeldPart& held(int step, size_t part) const {
    return schedule_.is_by_patches(step) ? patches_[part] : whole_[part];
  }

  Operation& add(OperationKind kind, const StageVisit& visit) {
    const HeldPart& part = held(visit.step, visit.part);
    Operation operation;
    operation.kind = kind;
    operation.batch = visit.batch;
    operation.step = visit.step;
    operation.patch = part.part.patch;
    operation.branch = visit.branch;
    operation.tokens = part.tokens;
    operation.text = part.text;
    operation.image = part.image;
    return program_.emplace_back(std::move(operation));
  }

  // Head, scheduler, latents: they know no text.
  Operation& add_image(OperationKind kind, const StageVisit& visit) {
    Operation& operation = add(kind, visit);
    operation.tokens = held(visit.step, visit.part).part.image;
    operation.text = {};
    return operation;
  }

  int64_t row_bytes(int64_t width) const {
    return schedule_.workload.batch * width * schedule_.workload.element_size();
  }

  int rank_in_stage(int stage) const {
    PerAxis place = coordinate_;
    place[Axis::pipeline] = stage;
    return schedule_.mesh.rank(place);
  }

  // Rows to or from the rank with the same tokens in another stage.
  void message(OperationKind kind, const StageVisit& visit, int stage) {
    Operation& operation = add(kind, visit);
    operation.payload = Payload::rows;
    operation.peer = rank_in_stage(stage);
    operation.bytes = held(visit.step, visit.part).num_rows() * row_bytes(schedule_.model.width);
  }

  void latents_message(OperationKind kind, const LatentsMessage& latents, int stage) {
    Operation& operation = add_image(kind, {latents.batch, latents.step, 0, latents.part});
    operation.payload = Payload::latents;
    operation.peer = rank_in_stage(stage);
    operation.bytes = operation.image.size() * row_bytes(schedule_.model.in_channels);
  }

  void take_latents(const PipelineOrder& order, size_t count) {
    if (num_stages() == 1) return;
    for (; num_taken_ < count; ++num_taken_) {
      latents_message(OperationKind::receive, order.latents[num_taken_], num_stages() - 1);
    }
  }

  // Patch p reads what this step wrote up to and with itself, and what the step before wrote of the others:
  //   text and 3 patches, patch 1 of step 5:  text 0 1 of step 5, 2 of step 4
  std::vector<CacheRead> reads(const StageVisit& visit) const {
    const int64_t end = held(visit.step, visit.part).part.image.end;
    const int64_t all = schedule_.num_text() + schedule_.num_image();
    std::vector<CacheRead> reads = {{{0, end}, visit.step}};
    if (end < all) reads.push_back({{end, all}, visit.step - 1});
    return reads;
  }

  void blocks(const StageVisit& visit) {
    const Range stage_blocks = schedule_.stages[static_cast<size_t>(stage())];
    const Range joint = {0, schedule_.model.num_joint_blocks};
    const Range single = {joint.end, schedule_.model.num_blocks()};
    for (const Range& kind : {joint, single}) {
      const Range run = {std::max(stage_blocks.begin, kind.begin), std::min(stage_blocks.end, kind.end)};
      if (run.size() <= 0) continue;
      Operation& operation = add(OperationKind::blocks, visit);
      operation.blocks = run;
      operation.block_kind = schedule_.model.kind_of(static_cast<int>(run.begin));
      operation.reads = reads(visit);
      const HeldPart& part = held(visit.step, visit.part);
      operation.collectives = operation.block_kind == BlockKind::joint ? part.joint : part.single;
    }
  }

  void collective(const StageVisit& visit, Payload payload, const Collective& verb) {
    Operation& operation = add_image(OperationKind::collective, visit);
    operation.payload = payload;
    operation.collectives = {verb};
  }

  void finish_visit(const PipelineOrder& order, size_t index) {
    const StageVisit& visit = order.visits[index];
    add_image(OperationKind::head, visit);
    if (visit.branch != branches_.back()) return;
    if (schedule_.mesh.degree(Axis::cfg) == 2) {
      const int64_t bytes =
          held(visit.step, visit.part).image.size() * row_bytes(schedule_.model.in_channels);
      collective(visit, Payload::prediction, {Axis::cfg, Pattern::all_gather, bytes});
    }
    add_image(OperationKind::scheduler, visit);
    const int next = visit.step + 1;
    if (next == schedule_.workload.steps) return;
    // A rank's shard of all tokens is not made of its shards of the patches.
    if (schedule_.is_by_patches(next) && !schedule_.is_by_patches(visit.step)) gather_latents(visit);
    if (is_first()) return;
    for (size_t i = index == 0 ? 0 : order.visits[index - 1].sent_latents; i < visit.sent_latents; ++i) {
      latents_message(OperationKind::send, order.latents[i], 0);
    }
  }

  // All image tokens to all ranks of the stage, axis by axis, fastest first, as the token layout deals them.
  void gather_latents(const StageVisit& visit) {
    std::vector<int64_t> counts(static_cast<size_t>(schedule_.shards()));
    for (const TokenRun& part : schedule_.parts(visit.step)) {
      const auto shards = split_evenly(part.image.size(), schedule_.shards());
      for (size_t i = 0; i < counts.size(); ++i) counts[i] += shards[i];
    }
    size_t index = static_cast<size_t>(coordinate_[Axis::ring]);
    index = index * static_cast<size_t>(schedule_.mesh.degree(Axis::ulysses)) +
            static_cast<size_t>(coordinate_[Axis::ulysses]);
    index = index * static_cast<size_t>(schedule_.mesh.degree(Axis::tensor)) +
            static_cast<size_t>(coordinate_[Axis::tensor]);
    for (const Axis axis : {Axis::tensor, Axis::ulysses, Axis::ring}) {
      const auto degree = static_cast<size_t>(schedule_.mesh.degree(axis));
      if (degree == 1) continue;
      const int64_t others = static_cast<int64_t>(degree) - 1;
      add_all_latents(visit, {axis, Pattern::all_gather,
                              counts[index] * others * row_bytes(schedule_.model.in_channels)});
      std::vector<int64_t> sums(counts.size() / degree);
      for (size_t i = 0; i < counts.size(); ++i) sums[i / degree] += counts[i];
      counts = sums;
      index /= degree;
    }
  }

  void add_all_latents(const StageVisit& visit, const Collective& verb) {
    Operation& operation = add_all(OperationKind::collective, visit);
    operation.payload = Payload::latents;
    operation.collectives = {verb};
  }

  // About the whole picture, whoever holds what of it.
  Operation& add_all(OperationKind kind, const StageVisit& visit) {
    Operation operation;
    operation.kind = kind;
    operation.batch = visit.batch;
    operation.step = visit.step;
    operation.tokens = whole_.front().part.image;
    return program_.emplace_back(std::move(operation));
  }

  void finish_batch(int batch) {
    const StageVisit end{batch, schedule_.workload.steps - 1};
    if (num_stages() > 1) {
      int64_t rows = 0;
      for (size_t part = 0; part < schedule_.parts(end.step).size(); ++part) {
        rows += held(end.step, part).image.size();
      }
      const int64_t bytes =
          is_last() ? rows * (num_stages() - 1) * row_bytes(schedule_.model.in_channels) : 0;
      add_all_latents(end, {Axis::pipeline, Pattern::broadcast, bytes});
    }
    gather_latents(end);
    Operation& decode = add_all(OperationKind::decode, end);
    decode.image = decode.tokens;
  }

  const Schedule& schedule_;
  int rank_;
  PerAxis coordinate_;
  std::vector<HeldPart> whole_;    // of the steps before the patches: one
  std::vector<HeldPart> patches_;  // of the steps by patches
  std::vector<int> branches_;      // that this rank does, one after the other
  size_t num_taken_ = 0;           // messages of latents
  Program program_;
};

}  // namespace

Program program_of(const Schedule& schedule, int rank) {
  if (rank < 0 || rank >= schedule.mesh.size()) {
    throw InternalError(cat("rank ", rank, " is not of the mesh ", schedule.mesh.to_string()));
  }
  return Generator(schedule, rank).run();
}

Program step_of(const Program& program, int step) {
  Program operations;
  for (const Operation& operation : program) {
    const bool is_between = operation.payload == Payload::latents || operation.kind == OperationKind::decode;
    if (operation.step == step && !is_between) operations.push_back(operation);
  }
  return operations;
}

}  // namespace ditmesh

#include "ditmesh/schedule/schedule.hpp"

#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/mesh/stages.hpp"

namespace ditmesh {

namespace {

// A kernel that is given one row takes another way than with more, and its bits differ.
constexpr int64_t kFewestRows = 2;

void check_workload(const Schedule& schedule) {
  const Workload& work = schedule.workload;
  if (schedule.model.unet) {
    throw ConfigError(cat("model ", schedule.model.name, " is not made of numbered token blocks"),
                      "a schedule needs a diffusion transformer");
  }
  if (work.steps < 1 || work.batch < 1 || work.patches < 1 || schedule.batches < 1) {
    throw ConfigError(cat("steps ", work.steps, ", batch ", work.batch, ", patches ", work.patches,
                          " and batches in flight ", schedule.batches, " must be at least 1"));
  }
  if (work.patches > 1 && work.warmup_steps < 1) {
    throw ConfigError(cat("warm-up steps ", work.warmup_steps, " must be at least 1 with patches ",
                          work.patches, ", which read the keys and values of the step before"));
  }
  const int cfg = schedule.mesh.degree(Axis::cfg);
  if (work.branches < 1 || work.branches > 2 || cfg > work.branches) {
    throw ConfigError(cat("mesh cfg=", cfg, " does not fit ", counted(work.branches, "branch"),
                          ": the degree is 1, or 2 with the two branches of true CFG"));
  }
  const int64_t smallest = schedule.num_image() / work.patches / schedule.shards();
  if (smallest < kFewestRows) {
    throw ConfigError(cat(schedule.num_image(), " image tokens in ", work.patches, " patches on ",
                          schedule.shards(), " ranks (tensor × ulysses × ring) leave some with ", smallest,
                          ", at least ", kFewestRows, " are needed"),
                      "lower the patches or these degrees, or make larger pictures");
  }
}

void check_stages(const Schedule& schedule) {
  const int num_stages = schedule.mesh.degree(Axis::pipeline);
  int64_t next = 0;
  bool is_good = static_cast<int>(schedule.stages.size()) == num_stages;
  for (const Range& stage : schedule.stages) {
    is_good = is_good && stage.begin == next && stage.size() > 0;
    next = stage.end;
  }
  if (!is_good || next != schedule.model.num_blocks()) {
    throw ConfigError(cat("stages ", to_string(schedule.stages), " must be the blocks 0-",
                          schedule.model.num_blocks() - 1, " in order, in ", counted(num_stages, "run")));
  }
}

}  // namespace

int64_t Schedule::num_text() const {
  return workload.text_tokens > 0 ? workload.text_tokens : model.text_tokens;
}

int Schedule::shards() const {
  return mesh.degree(Axis::tensor) * mesh.degree(Axis::ulysses) * mesh.degree(Axis::ring);
}

std::vector<TokenRun> Schedule::parts(int step) const {
  const int64_t first = num_text();
  if (!is_by_patches(step)) return {{kAllPatches, true, {first, first + num_image()}}};
  std::vector<TokenRun> patches;
  for (int patch = 0; patch < workload.patches; ++patch) {
    const Range run = part_of(num_image(), workload.patches, patch);
    // Text goes through once; its keys and values stay for the other patches.
    patches.push_back({patch, patch == 0, {first + run.begin, first + run.end}});
  }
  return patches;
}

TokenLayout Schedule::layout(const TokenRun& part, const PerAxis& coordinate) const {
  return TokenLayout::on_mesh(part.has_text ? num_text() : 0, part.image.size(), mesh, coordinate);
}

BlockFlops block_flops(const ModelShape& model, int64_t num_text, int64_t num_image) {
  const auto text = static_cast<double>(num_text);
  const auto image = static_cast<double>(num_image);
  const auto width = static_cast<double>(model.width);
  const double attention = 4 * (text + image) * (text + image) * width;
  BlockFlops flops;
  for (int block = 0; block < model.num_blocks(); ++block) {
    const BlockKind kind = model.kind_of(block);
    // Each token goes through the weights of its own stream.
    const double weights =
        static_cast<double>(model.cut_parameters(kind)) / (kind == BlockKind::joint ? 2 : 1);
    flops.blocks.push_back(2 * weights * (text + image) + attention);
  }
  flops.embedding = 2 * static_cast<double>(model.in_channels) * width * image;
  flops.head = flops.embedding;
  return flops;
}

Schedule make_schedule(const Mesh& mesh, const ModelShape& model, const Workload& workload, int batches,
                       std::vector<Range> stages) {
  Schedule schedule{mesh, model, workload, batches, std::move(stages)};
  const int num_stages = mesh.degree(Axis::pipeline);
  if (batches == 0) schedule.batches = workload.patches > 1 ? 1 : num_stages;
  check_workload(schedule);
  if (num_stages > model.num_blocks()) {
    throw ConfigError(
        cat("mesh pipeline=", num_stages, " is more than the ", model.num_blocks(), " blocks of the model"),
        "lower the degree");
  }
  if (schedule.stages.empty()) {
    const BlockFlops flops = block_flops(model, schedule.num_text(), schedule.num_image());
    schedule.stages = balanced_stages(flops.blocks, num_stages, flops.embedding, flops.head);
  }
  check_stages(schedule);
  return schedule;
}

}  // namespace ditmesh

#include "ditmesh/parallel/executor.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {

Rotary rotary_of(const Rotary& all, const std::vector<Range>& rows) {
  std::vector<at::Tensor> cos;
  std::vector<at::Tensor> sin;
  for (const Range& run : rows) {
    cos.push_back(all.cos.narrow(0, run.begin, run.size()));
    sin.push_back(all.sin.narrow(0, run.begin, run.size()));
  }
  if (rows.size() == 1) return {cos[0], sin[0]};
  return {at::cat(cos), at::cat(sin)};
}

InnerGroups::InnerGroups(Communicator& replica, const Mesh& mesh)
    : mesh_(mesh.with(Axis::data, 1)), coordinate_(mesh_.coordinate(replica.rank())) {
  if (replica.size() != mesh_.size())
    throw InternalError("a replica must have as many ranks as its inner mesh");
  for (const Axis axis : kAxes) {
    // Ranks that differ only along this axis share the lowest rank of their group.
    const int color = mesh_.group(replica.rank(), axis).front();
    groups_[static_cast<size_t>(axis)] =
        replica.split(color, coordinate_[axis], std::string(axis_name(axis)));
  }
}

void InnerGroups::record(Recorder& recorder) {
  for (size_t axis = 0; axis < groups_.size(); ++axis) groups_[axis]->record(recorder, axis);
}

Range Executor::stage_blocks(int num_blocks, int stage, int stages) {
  return part_of(num_blocks, stages, stage);
}

InFlight Executor::start(const at::Tensor& latents, std::vector<Conditioning> branches, at::Tensor true_cfg,
                         std::unique_ptr<Stepper> stepper) {
  InFlight batch;
  const int64_t num_text = branches.front().text.size(0);
  batch.layout = TokenLayout::on_mesh(num_text, latents.size(0), groups_.mesh(), groups_.coordinate());
  // Our own: a pipeline receives later latents into them.
  batch.latents = latents.narrow(0, batch.layout.image_held.begin, batch.layout.image_held.size())
                      .clone(at::MemoryFormat::Contiguous);
  batch.branches = std::move(branches);
  batch.true_cfg = std::move(true_cfg);
  batch.stepper = std::move(stepper);
  if (batch.layout.sequence_counts.size() == 1) {
    batch.attention = std::make_unique<PlainAttention>();
  } else {
    batch.attention = std::make_unique<SequenceAttention>(groups_[Axis::ulysses], groups_[Axis::ring],
                                                          batch.layout.sequence_counts);
  }
  return batch;
}

at::Tensor Executor::predict(InFlight& batch, const Conditioning& conditioning) {
  Communicator& pipeline = groups_[Axis::pipeline];
  const bool first = pipeline.rank() == 0;
  const bool last = pipeline.rank() == pipeline.size() - 1;
  at::Tensor rows;
  if (first) {
    rows = model_.embed(batch.latents, conditioning, batch.step, batch.layout);
  } else {
    rows =
        at::empty({batch.layout.num_held(), batch.latents.size(1), model_.width()}, batch.latents.options());
    pipeline.exchange({{pipeline.rank() - 1, Message::Direction::receive, rows}}).wait();
  }
  const Range blocks = model_.blocks();
  for (auto index = static_cast<int>(blocks.begin); index < blocks.end; ++index) {
    model_.block(index, rows, conditioning, batch.step, batch.layout, *batch.attention);
  }
  if (last) return model_.head(rows, conditioning, batch.step, batch.layout);
  pipeline.exchange({{pipeline.rank() + 1, Message::Direction::send, rows.contiguous()}}).wait();
  return {};
}

void Executor::advance(InFlight& batch) {
  Communicator& pipeline = groups_[Axis::pipeline];
  Communicator& cfg = groups_[Axis::cfg];
  std::vector<at::Tensor> predictions(batch.branches.size());
  const bool shared = batch.branches.size() == 2 && cfg.size() == 2;
  for (size_t branch = 0; branch < batch.branches.size(); ++branch) {
    if (shared && static_cast<int>(branch) != cfg.rank()) continue;
    predictions[branch] = predict(batch, batch.branches[branch]);
  }
  // The last stage knows the prediction: it steps, and tells the first one.
  if (pipeline.rank() == pipeline.size() - 1) {
    if (shared) {
      const int other = 1 - cfg.rank();
      const at::Tensor own = predictions[cfg.rank()].contiguous();
      predictions[other] = at::empty_like(own);
      cfg.exchange({{other, Message::Direction::send, own},
                    {other, Message::Direction::receive, predictions[other]}})
          .wait();
    }
    at::Tensor prediction = predictions[0];
    if (predictions.size() == 2) {
      prediction = predictions[1] + batch.true_cfg * (predictions[0] - predictions[1]);
    }
    batch.latents = batch.stepper->step(batch.step, batch.latents, prediction);
    if (pipeline.size() > 1) {
      pipeline.exchange({{0, Message::Direction::send, batch.latents.contiguous()}}).wait();
    }
  } else if (pipeline.rank() == 0) {
    pipeline.exchange({{pipeline.size() - 1, Message::Direction::receive, batch.latents}}).wait();
  }
  ++batch.step;
}

at::Tensor Executor::latents(const InFlight& batch) {
  at::Tensor held = batch.latents.contiguous();
  Communicator& pipeline = groups_[Axis::pipeline];
  if (pipeline.size() > 1) pipeline.broadcast(held, pipeline.size() - 1).wait();
  // Gathered axis by axis, fastest first: the order of the token layout.
  RowCounts counts = batch.layout.image_counts;
  for (const Axis axis : {Axis::tensor, Axis::ulysses, Axis::ring}) {
    Communicator& group = groups_[axis];
    const auto degree = static_cast<size_t>(group.size());
    // The rows of this rank's group along the axis, and the sums for the next axis.
    RowCounts sums;
    for (size_t i = 0; i < counts.size(); i += degree) {
      sums.push_back(sum({counts.begin() + static_cast<std::ptrdiff_t>(i),
                          counts.begin() + static_cast<std::ptrdiff_t>(i + degree)}));
    }
    if (degree > 1) {
      const PerAxis& place = groups_.coordinate();
      size_t index = 0;
      if (axis == Axis::tensor) {
        const auto num_ulysses = static_cast<size_t>(groups_.mesh().degree(Axis::ulysses));
        index =
            static_cast<size_t>(place[Axis::ulysses]) + static_cast<size_t>(place[Axis::ring]) * num_ulysses;
      } else if (axis == Axis::ulysses) {
        index = static_cast<size_t>(place[Axis::ring]);
      }
      const auto begin = counts.begin() + static_cast<std::ptrdiff_t>(index * degree);
      std::vector<int64_t> shape = held.sizes().vec();
      shape[0] = sums[index];
      const at::Tensor gathered = at::empty(shape, held.options());
      group.all_gather(gathered, held, RowCounts(begin, begin + static_cast<std::ptrdiff_t>(degree))).wait();
      held = gathered;
    }
    counts = sums;
  }
  return held;
}

}  // namespace ditmesh

#include "picture_maker.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "ditmesh/kernels/device.hpp"

namespace ditmesh {

namespace {

constexpr int kEncoderBatch = 8;  // prompts a GPU encodes at once
constexpr size_t kMaxChunksAhead = 4096;
constexpr uint64_t kMiB = uint64_t{1} << 20;

Image to_image(const at::Tensor& pixels) {
  Image image(static_cast<int32_t>(pixels.size(0)), static_cast<int32_t>(pixels.size(1)));
  std::memcpy(image.pixels.data(), pixels.const_data_ptr(), image.size_bytes());
  return image;
}

Latents to_latents(const at::Tensor& values) {
  Latents latents{static_cast<int32_t>(values.size(0)),
                  static_cast<int32_t>(values.size(1)),
                  static_cast<int32_t>(values.size(2)),
                  {}};
  latents.values.resize(static_cast<size_t>(values.numel()));
  std::memcpy(latents.values.data(), values.const_data_ptr(), latents.values.size() * sizeof(float));
  return latents;
}

}  // namespace

PictureMaker::PictureMaker(const GeneratePlan& plan, const RankDevice& device, Log log)
    : plan_(plan),
      device_(device),
      groups_(alone_, Mesh()),
      pipeline_(plan.model, device.options(), device.noise_dtype(), groups_),
      encoder_(plan.model, device.options(), plan.max_sequence_length,
               static_cast<int>(device.batch(kEncoderBatch)), std::move(log)),
      cache_(encoder_, static_cast<uint64_t>(plan.options.integer("prompt-cache")) * kMiB,
             plan.options.text("text-encoder") == "release") {}

const Sample& PictureMaker::sample(const WorkUnit& unit, int64_t position) const {
  return plan_.samples.samples[static_cast<size_t>(plan_.work.sample_at(unit.shard, position))];
}

std::vector<PictureMaker::Chunk> PictureMaker::cut_into_chunks(const std::vector<WorkUnit>& units) const {
  const int64_t size = device_.batch(plan_.options.integer("batch"));
  std::vector<Chunk> chunks;
  for (const WorkUnit& unit : units) {
    for (int64_t begin = unit.begin; begin < unit.end; begin += size) {
      Chunk chunk{unit, {}};
      for (int64_t position = begin; position < std::min(begin + size, unit.end); ++position) {
        chunk.positions.push_back(position);
      }
      chunks.push_back(std::move(chunk));
    }
  }
  return chunks;
}

std::vector<std::string> PictureMaker::prompts(const Chunk& chunk) const {
  std::vector<std::string> texts;
  for (const int64_t position : chunk.positions) {
    const Sample& one = sample(chunk.unit, position);
    texts.push_back(one.prompt);
    if (one.uses_true_cfg()) texts.push_back(one.negative_prompt);
  }
  return texts;
}

void PictureMaker::make(const std::vector<WorkUnit>& units,
                        const std::function<void(const WorkUnit&, JournalRecord)>& finished) {
  const std::vector<Chunk> chunks = cut_into_chunks(units);
  for (size_t i = 0; i < chunks.size(); ++i) {
    // Looked ahead only when a window is used up, not for every batch.
    if (!cache_.holds(prompts(chunks[i]))) {
      std::vector<std::vector<std::string>> ahead;
      for (size_t j = i; j < std::min(i + kMaxChunksAhead, chunks.size()); ++j) {
        ahead.push_back(prompts(chunks[j]));
      }
      cache_.prepare(ahead);
    }
    make_chunk(chunks[i], finished);
  }
}

void PictureMaker::make_chunk(const Chunk& chunk,
                              const std::function<void(const WorkUnit&, JournalRecord)>& finished) {
  const auto start = std::chrono::steady_clock::now();
  const Sample& first = sample(chunk.unit, chunk.positions.front());
  const BatchShape shape{first.height, first.width, first.steps, first.uses_true_cfg()};
  std::vector<PictureRequest> requests;
  for (const int64_t position : chunk.positions) {
    const Sample& one = sample(chunk.unit, position);
    PictureRequest request;
    request.prompt = cache_.at(one.prompt);
    if (shape.true_cfg) request.negative = cache_.at(one.negative_prompt);
    request.seed = static_cast<uint64_t>(one.seed);
    request.guidance = one.guidance;
    request.true_cfg = one.true_cfg;
    requests.push_back(std::move(request));
  }
  // Kernels always see the full batch: a short one is filled up with repeats.
  requests.resize(static_cast<size_t>(device_.batch(plan_.options.integer("batch"))), requests.back());

  InFlight batch = pipeline_.start(requests, shape);
  while (!batch.finished()) pipeline_.advance(batch);
  const Pictures pictures = pipeline_.finish(batch, shape);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  for (size_t i = 0; i < chunk.positions.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const Sample& one = sample(chunk.unit, chunk.positions[i]);
    JournalRecord record;
    record.row = one.row;
    record.copy = one.copy;
    record.position = chunk.positions[i];
    record.device_seconds = static_cast<float>(seconds / static_cast<double>(chunk.positions.size()));
    if (pictures.finite[i]) {
      record.image = to_image(pictures.pixels[index]);
      if (plan_.options.flag("save-latents")) record.latents = to_latents(pictures.latents[index]);
    } else {
      record.status = SampleStatus::failed;
      record.error = "the model gave values that are not finite (NaN or infinity)";
    }
    finished(chunk.unit, std::move(record));
  }
}

}  // namespace ditmesh

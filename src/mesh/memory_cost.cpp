#include "ditmesh/mesh/memory_cost.hpp"

#include <algorithm>
#include <cmath>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Fitted to FLUX.1-dev on one H100; results/ has the figures.
// What LibTorch's kernels keep at once in a block, in token rows of the model's width: the rows, q, k, v and
// the MLP as one product and again apart, what goes into the last product, its result.
constexpr double kLiveRows = 21;
// Feature maps of the decoder's largest size that live at once.
constexpr double kLiveMaps = 6;
// What LibTorch's allocator takes of a GPU beside the tensors: it rounds up, and keeps what it got.
constexpr double kTakenForWeights = 1.077;
constexpr double kTakenForRows = 1.7;
constexpr double kTakenForMaps = 1.45;
// Of the driver, cuBLAS and cuDNN.
constexpr double kContext = 0.73e9;
constexpr double kCommunicationBuffers = 0.4e9;
constexpr double kEncoderLiveRows = 12;

uint64_t bytes(double count) { return static_cast<uint64_t>(std::max(0.0, count)); }

}  // namespace

uint64_t MemoryCost::always() const { return buffers + context; }

uint64_t MemoryCost::standing() const {
  return always() + weights + decoder + (encoder_place == EncoderPlace::resident ? encoders : 0);
}

uint64_t MemoryCost::making() const { return standing() + conditioning + cache + activations; }

uint64_t MemoryCost::decoding_peak() const { return standing() + decoding; }

uint64_t MemoryCost::encoding_peak() const {
  // Released encoders are read again while the transformer is not there.
  return encoder_place == EncoderPlace::resident ? standing() + encoding : always() + encoders + encoding;
}

uint64_t MemoryCost::peak() const { return std::max({making(), decoding_peak(), encoding_peak()}); }

MemoryCost memory_cost(const ModelShape& model, const Workload& workload, const Mesh& mesh,
                       const std::vector<Range>& stages, EncoderPlace encoders, bool is_gpu,
                       const Implementation& implementation) {
  const auto taken = [is_gpu](double share) { return is_gpu ? share : 1.0; };
  const auto element = static_cast<double>(workload.element_size());
  const auto batch = static_cast<double>(workload.batch);
  const double tensor = mesh.degree(Axis::tensor);
  const double ulysses = mesh.degree(Axis::ulysses);
  const double sequence = ulysses * mesh.degree(Axis::ring);
  const double branches = static_cast<double>(workload.branches) / mesh.degree(Axis::cfg);
  const auto width = static_cast<double>(model.width);
  MemoryCost cost;
  cost.encoder_place = encoders;

  double weights = 0;
  double most_blocks = 0;
  for (const Range& stage : stages) {
    double of_stage = static_cast<double>(model.other_parameters());
    for (int64_t block = stage.begin; block < stage.end; ++block) {
      const BlockKind kind = model.kind_of(static_cast<int>(block));
      of_stage += static_cast<double>(model.cut_parameters(kind)) / tensor +
                  static_cast<double>(model.whole_parameters(kind));
    }
    weights = std::max(weights, of_stage);
    most_blocks = std::max(most_blocks, static_cast<double>(stage.size()));
  }
  if (model.unet) weights = static_cast<double>(model.unet->parameters);
  cost.weights = bytes(weights * element * taken(kTakenForWeights));
  cost.encoders = bytes(static_cast<double>(model.encoder_parameters()) * element / tensor);
  cost.decoder = bytes(static_cast<double>(model.decoder.parameters()) * element);

  const auto image = static_cast<double>(model.image_tokens(workload.height, workload.width));
  const auto text = static_cast<double>(workload.text_tokens);
  if (model.unet) {
    constexpr double kUnetRows = 30 * 320;  // numbers that live for each latent
    cost.activations = bytes(image * kUnetRows * element * batch * branches);
  } else {
    const double patches = workload.patches;
    const double rows = std::ceil((image / (workload.warmup_steps > 0 ? 1 : patches) + text) / sequence);
    cost.activations = bytes(kLiveRows * taken(kTakenForRows) * rows * width * element * batch / tensor);
    const double modulations =
        workload.steps * batch * branches *
        static_cast<double>(model.num_joint_blocks * 12 + model.num_single_blocks * 3) * width /
        static_cast<double>(stages.size());
    cost.conditioning = bytes((modulations + text * width * batch * branches) * element);
    if (workload.patches > 1) {
      const double heads = std::ceil(std::ceil(static_cast<double>(model.num_heads) / tensor) / ulysses);
      cost.cache = bytes(2 * most_blocks * (image + text) * heads * static_cast<double>(model.head_dim()) *
                         element * batch * branches);
    }
  }
  double encoder_rows = 0;
  for (const EncoderShape& encoder : model.encoders) {
    encoder_rows = std::max(encoder_rows, static_cast<double>(encoder.tokens) *
                                              static_cast<double>(encoder.width + encoder.mlp_width));
  }
  cost.encoding = bytes(encoder_rows * kEncoderLiveRows / 4 * element * batch);
  const double decoders = implementation.deals_out_ends ? mesh.inner_size() : 1;  // by rows of the picture
  cost.decoding =
      bytes(kLiveMaps * taken(kTakenForMaps) *
            model.decoder.largest_activation(workload.height, workload.width) * element * batch / decoders);
  cost.buffers = bytes(mesh.inner_size() > 1 && is_gpu ? kCommunicationBuffers : 0);
  cost.context = bytes(is_gpu ? kContext : 0.1e9);
  return cost;
}

std::string to_text(const MemoryCost& memory) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, uint64_t size) {
    if (size > 0) parts.push_back(cat(name, " ", human_bytes(size)));
  };
  const bool is_resident = memory.encoder_place == EncoderPlace::resident;
  const uint64_t peak = memory.peak();
  const char* when = "while prompts are encoded";
  if (peak == memory.making()) {
    when = "while steps are made";
    add("weights", memory.weights);
    if (is_resident) add("encoders", memory.encoders);
    add("decoder", memory.decoder);
    add("conditioning", memory.conditioning);
    add("key/value cache", memory.cache);
    add("activations", memory.activations);
  } else if (peak == memory.decoding_peak()) {
    when = "while pictures are decoded";
    add("weights", memory.weights);
    if (is_resident) add("encoders", memory.encoders);
    add("decoder", memory.decoder);
    add("its activations", memory.decoding);
  } else {
    if (is_resident) add("weights", memory.weights + memory.decoder);
    add("encoders", memory.encoders);
    add("their activations", memory.encoding);
  }
  add("buffers", memory.buffers);
  add("context", memory.context);
  return cat(human_bytes(peak), " ", when, ": ", join(parts, ", "),
             is_resident || memory.encoders == 0
                 ? std::string()
                 : cat("; the encoders, ", human_bytes(memory.encoders), ", are released"));
}

}  // namespace ditmesh

#include "ditmesh/mesh/compute_cost.hpp"

#include <algorithm>
#include <cmath>

namespace ditmesh {

namespace {

// A call of attention on part of the keys, besides its operations: 1,152 rows to 1,152 keys of 24 heads take
// 37 µs on an H100, to 4,608 keys 124.
constexpr double kAttentionStart_s = 6e-6;
constexpr double kPackPasses = 2;  // each tensor is read and written before and after an all-to-all
constexpr double kFp32 = 4;

// What 8·C² of a block's 24·C² operations a row, those of q, k, v and the output, cost more where heads do
// not divide evenly: the rank with most heads decides.
double uneven_heads(double num_heads, double tensor) {
  return std::ceil(num_heads / tensor) * tensor / num_heads;
}

int64_t whole_bytes(double bytes) { return std::llround(bytes); }

}  // namespace

ComputeCost::ComputeCost(const ModelShape& model, const Workload& workload,
                         const Implementation& implementation, const DeviceSpeed& device, const Mesh& mesh)
    : model_(model),
      workload_(workload),
      implementation_(implementation),
      device_(device),
      batch_(static_cast<double>(workload.batch)),
      element_(static_cast<double>(workload.element_size())),
      tensor_(mesh.degree(Axis::tensor)),
      ulysses_(mesh.degree(Axis::ulysses)),
      ring_(mesh.degree(Axis::ring)) {}

Visit ComputeCost::whole() const {
  const auto image = static_cast<double>(model_.image_tokens(workload_.height, workload_.width));
  const auto text = static_cast<double>(workload_.text_tokens);
  return {image, text, image + text};
}

Visit ComputeCost::patch(int patch) const {
  const Visit all = whole();
  if (workload_.patches == 1) return all;
  return {all.image_rows / workload_.patches, patch == 0 ? all.text_rows : 0, all.attended_rows};
}

// Of a rank of the sequence group, gathered over tensor.
double ComputeCost::held(double rows) const { return std::ceil(rows / (ulysses_ * ring_)); }

double ComputeCost::compute_rows_s(BlockKind kind, const Visit& visit) const {
  const auto width = static_cast<double>(model_.width);
  const double heads = uneven_heads(static_cast<double>(model_.num_heads), tensor_);
  const double flops_a_row =
      2 * width * (4 * width * heads + 2 * static_cast<double>(model_.mlp_width)) / tensor_;
  const auto product_s = [&](double rows) {
    return device_.gemm_s(flops_a_row * rows * batch_, rows * batch_ / tensor_);
  };
  double seconds = 0;
  if (kind == BlockKind::joint) {
    seconds += product_s(held(visit.image_rows)) + product_s(held(visit.text_rows));
  } else {
    seconds += product_s(held(visit.rows()));
  }
  const double bytes = held(visit.rows()) / tensor_ * width * element_ * batch_;
  return seconds + device_.memory_s(bytes * implementation_.block_passes);
}

BlockCost ComputeCost::block(BlockKind kind, const Visit& visit) const {
  const auto width = static_cast<double>(model_.width);
  const auto head_dim = static_cast<double>(model_.head_dim());
  const double heads_of_tensor = std::ceil(static_cast<double>(model_.num_heads) / tensor_);
  const double heads = std::ceil(heads_of_tensor / ulysses_);
  const double rows = held(visit.rows());                     // of the rank, as linear layers see them
  const double query_rows = std::ceil(visit.rows() / ring_);  // in attention: those of the ulysses group

  BlockCost cost;
  const double flops = 4 * query_rows * visit.attended_rows * head_dim * heads * batch_;
  cost.attention_s = device_.attention_s(flops, query_rows * heads * batch_);
  double extra_bytes = 0;
  const double row_bytes = head_dim * element_ * batch_;
  if (tensor_ > 1) {
    // Text and image have products of their own in joint blocks; their gathers carry the same bytes in all.
    const int streams = kind == BlockKind::joint && visit.text_rows > 0 ? 2 : 1;
    const int layers = kind == BlockKind::joint ? 2 : 1;  // attention and MLP, or both as one
    const double bytes = rows * width * element_ * batch_ * (tensor_ - 1) / tensor_ / streams;
    cost.collectives.push_back(
        {Axis::tensor, Pattern::all_gather, whole_bytes(bytes), layers * streams, false});
    cost.collectives.push_back(
        {Axis::tensor, Pattern::reduce_scatter, whole_bytes(bytes), layers * streams, false});
  }
  if (ulysses_ > 1) {
    const double one = rows * heads_of_tensor * row_bytes * (ulysses_ - 1) / ulysses_;
    if (implementation_.exchanges_qkv_together) {
      cost.collectives.push_back({Axis::ulysses, Pattern::all_to_all, whole_bytes(3 * one), 1, false});
      cost.collectives.push_back({Axis::ulysses, Pattern::all_to_all, whole_bytes(one), 1, false});
    } else {
      cost.collectives.push_back({Axis::ulysses, Pattern::all_to_all, whole_bytes(one), 4, false});
    }
    extra_bytes += 4 * 2 * kPackPasses * rows * heads_of_tensor * row_bytes;
  }
  if (ring_ > 1) {
    // Of the visit: those of other patches are in every rank's cache.
    const double keys_and_values = 2 * query_rows * heads * row_bytes;
    if (implementation_.ring_gathers) {
      cost.collectives.push_back(
          {Axis::ring, Pattern::all_gather, whole_bytes(keys_and_values / 2 * (ring_ - 1)), 2, false});
    } else {
      cost.collectives.push_back(
          {Axis::ring, Pattern::exchange, whole_bytes(keys_and_values), static_cast<int>(ring_) - 1, true});
    }
    extra_bytes +=
        (ring_ - 1) * implementation_.merge_passes * query_rows * heads * row_bytes / element_ * kFp32;
    cost.attention_s += ring_ * kAttentionStart_s;
  }
  cost.compute_s = compute_rows_s(kind, visit) + device_.memory_s(extra_bytes);
  const double launching_s = implementation_.kernels_per_block * device_.kernel_s();
  cost.compute_s = std::max(cost.compute_s, launching_s - cost.attention_s);
  cost.compute_s *= implementation_.slowdown;
  cost.attention_s *= implementation_.slowdown;
  return cost;
}

double ComputeCost::embed_s(const Visit& visit) const {
  const double rows = held(visit.image_rows) / tensor_ * batch_;
  const double flops = 2 * rows * static_cast<double>(model_.in_channels * model_.width);
  const double bytes =
      4 * held(visit.rows()) / tensor_ * static_cast<double>(model_.width) * element_ * batch_;
  return (device_.gemm_s(flops, rows) + device_.memory_s(bytes)) * implementation_.slowdown;
}

double ComputeCost::head_s(const Visit& visit) const { return embed_s({visit.image_rows, 0, 0}); }

double ComputeCost::update_s(const Visit& visit) const {
  constexpr double kKernels = 8;
  return kKernels * device_.kernel_s() + device_.memory_s(kKernels * latent_bytes(visit));
}

double ComputeCost::prepare_s(int joint_blocks, int single_blocks) const {
  const auto weights = static_cast<double>(joint_blocks * model_.whole_parameters(BlockKind::joint) +
                                           single_blocks * model_.whole_parameters(BlockKind::single));
  const double rows = static_cast<double>(workload_.steps) * batch_;
  return std::max(device_.memory_s(weights * element_), device_.gemm_s(2 * weights * rows, rows));
}

double ComputeCost::encode_s(int num_ranks) const {
  double seconds = 0;
  for (const EncoderShape& encoder : model_.encoders) {
    const auto tokens = static_cast<double>(encoder.tokens);
    const double rows = tokens * batch_;
    const double product_s = device_.gemm_s(2 * rows * static_cast<double>(encoder.layer_parameters()), rows);
    const double bytes =
        implementation_.encoder_passes * rows * static_cast<double>(encoder.width) * element_;
    const double launching_s = implementation_.encoder_kernels * device_.kernel_s();
    seconds +=
        static_cast<double>(encoder.num_layers) * std::max(product_s + device_.memory_s(bytes), launching_s);
  }
  seconds *= workload_.branches;
  if (!implementation_.deals_out_ends) return seconds;
  return seconds / std::min<double>(num_ranks, static_cast<double>(workload_.batch * workload_.branches));
}

double ComputeCost::decode_s(int num_ranks) const {
  constexpr double kFillsTheDevice = 4;  // pictures
  const double passes = implementation_.decoder_passes +
                        implementation_.decoder_norm_passes / std::min(batch_, kFillsTheDevice);
  const double one_s =
      device_.convolution_s(model_.decoder.flops(workload_.height, workload_.width)) +
      device_.memory_s(passes * element_ * model_.decoder.activations(workload_.height, workload_.width));
  if (!implementation_.deals_out_ends) return one_s * batch_;
  // By rows of the picture, whose edges are said to each other.
  constexpr double kEdges = 0.05;
  return one_s * batch_ * (1 + kEdges * (num_ranks - 1)) / num_ranks;
}

double ComputeCost::unet_s() const {
  const double latents = static_cast<double>(model_.image_tokens(workload_.height, workload_.width));
  const UnetShape& unet = *model_.unet;
  constexpr double kHalf = 2;  // bytes
  const double flops = latents * (unet.linear_flops_per_latent + latents * unet.attention_flops_per_latent2);
  const double compute_s =
      device_.convolution_s(flops * batch_) +
      device_.memory_s(latents * unet.moved_bytes_per_latent * batch_ * element_ / kHalf);
  constexpr double kKernels = 900;
  return std::max(compute_s, kKernels * device_.kernel_s()) * implementation_.slowdown;
}

double ComputeCost::activation_bytes(const Visit& visit) const {
  return held(visit.rows()) / tensor_ * static_cast<double>(model_.width) * element_ * batch_;
}

double ComputeCost::latent_bytes(const Visit& visit) const {
  return held(visit.image_rows) / tensor_ * static_cast<double>(model_.in_channels) * element_ * batch_;
}

}  // namespace ditmesh

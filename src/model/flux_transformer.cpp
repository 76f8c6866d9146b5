#include "ditmesh/model/flux_transformer.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr double kEps = 1e-6;
constexpr int64_t kTimeWidth = 256;  // channels of the sinusoidal embedding
constexpr double kTimePeriod = 10000;
constexpr double kRotaryTheta = 10000;

// Sinusoidal embedding, cosines first: values (N) → (N, kTimeWidth) fp32.
// Equals diffusers' get_timestep_embedding(flip_sin_to_cos=True, downscale_freq_shift=0).
at::Tensor sinusoid(const at::Tensor& values) {
  constexpr int64_t kHalf = kTimeWidth / 2;
  const at::Tensor exponents = at::arange(kHalf, values.options().dtype(at::kFloat)) *
                               (-std::log(kTimePeriod)) / static_cast<double>(kHalf);
  const at::Tensor angles = at::outer(values.to(at::kFloat), at::exp(exponents));
  return at::cat({at::cos(angles), at::sin(angles)}, -1);
}

// Modulation `index` of `count` in one step's row: (B, count·C) → (B, C).
at::Tensor part(const at::Tensor& modulation, int64_t index, int64_t count) {
  const int64_t width = modulation.size(-1) / count;
  return modulation.narrow(-1, index * width, width);
}

// Scales have their 1 added once here, not in every step.
void add_one(at::Tensor& modulation, std::initializer_list<int64_t> scales, int64_t count) {
  for (const int64_t scale : scales) part(modulation, scale, count).add_(1);
}

// (rows, B, heads·D) → (rows, B, heads, D).
at::Tensor as_heads(const at::Tensor& x, int64_t head_dim) { return x.unflatten(-1, {-1, head_dim}); }

// The norms of queries and keys of one stream.
struct HeadNorms {
  at::Tensor q;
  at::Tensor k;
};

// Splits a fused projection into q, k, v of `layer`'s rows, and writes normed and
// rotated queries and keys, and the values, to rows [begin, …) of the three buffers.
void project(const at::Tensor& qkv, const Linear& layer, int64_t head_dim, const HeadNorms& norms,
             const Rotary& rotary, int64_t begin, const at::Tensor& q, const at::Tensor& k,
             const at::Tensor& v) {
  const std::vector<int64_t>& widths = layer.part_rows();
  const int64_t rows = qkv.size(0);
  rms_norm_rotate(as_heads(qkv.narrow(-1, 0, widths[0]), head_dim), norms.q, kEps, rotary,
                  q.narrow(0, begin, rows));
  rms_norm_rotate(as_heads(qkv.narrow(-1, widths[0], widths[1]), head_dim), norms.k, kEps, rotary,
                  k.narrow(0, begin, rows));
  v.narrow(0, begin, rows).copy_(as_heads(qkv.narrow(-1, widths[0] + widths[1], widths[2]), head_dim));
}

}  // namespace

FluxConfig FluxConfig::from_json(const JsonObject& config) {
  const auto class_name = config.get<std::string>("_class_name");
  if (class_name != "FluxTransformer2DModel") {
    throw ConfigError(cat(config.name(), ": class ", class_name, " is unknown"),
                      "ditmesh generates with FluxTransformer2DModel");
  }
  if (config.get_or<int64_t>("patch_size", 1) != 1) {
    throw ConfigError(
        cat(config.name(), ": patch_size must be 1, found ", config.get<int64_t>("patch_size")));
  }
  FluxConfig flux;
  flux.in_channels = config.dimension_or("in_channels", flux.in_channels);
  flux.out_channels = config.dimension_or("out_channels", flux.in_channels);
  flux.num_double_blocks = config.get_or<int64_t>("num_layers", flux.num_double_blocks);
  flux.num_single_blocks = config.get_or<int64_t>("num_single_layers", flux.num_single_blocks);
  flux.head_dim = config.dimension_or("attention_head_dim", flux.head_dim);
  flux.num_heads = config.dimension_or("num_attention_heads", flux.num_heads);
  flux.text_width = config.dimension_or("joint_attention_dim", flux.text_width);
  flux.pooled_width = config.dimension_or("pooled_projection_dim", flux.pooled_width);
  flux.guidance = config.get_or<bool>("guidance_embeds", false);
  flux.rotary_axes = config.get_or<std::vector<int64_t>>("axes_dims_rope", flux.rotary_axes);
  if (flux.num_double_blocks < 0 || flux.num_single_blocks < 0 || flux.num_blocks() < 1) {
    throw ConfigError(cat(config.name(), ": num_layers ", flux.num_double_blocks, " and num_single_layers ",
                          flux.num_single_blocks, " must be at least 0, and one of them at least 1"));
  }
  bool even = flux.rotary_axes.size() == 3;
  for (const int64_t axis : flux.rotary_axes) even = even && axis > 0 && axis % 2 == 0;
  if (!even || sum(flux.rotary_axes) != flux.head_dim) {
    throw ConfigError(cat(config.name(),
                          ": axes_dims_rope must be three even numbers that add up to attention_head_dim ",
                          flux.head_dim, ", found ", join(flux.rotary_axes, " + ")));
  }
  if (flux.out_channels != flux.in_channels) {
    throw ConfigError(cat(config.name(), ": out_channels must equal in_channels ", flux.in_channels,
                          ", found ", flux.out_channels));
  }
  return flux;
}

// Image and text rows have weights of their own and meet in the attention.
struct FluxTransformer::DoubleBlock {
  struct Stream {
    Linear modulation;  // shift, scale, gate of attention; shift, scale, gate of the MLP
    Linear qkv;
    HeadNorms norms;
    Linear out;
    Linear mlp_in;
    Linear mlp_out;
  };
  Stream image;
  Stream text;
};

// All rows share weights; attention and MLP stand side by side.
struct FluxTransformer::SingleBlock {
  Linear modulation;  // shift, scale, gate
  Linear qkv_mlp;
  HeadNorms norms;
  Linear out;
};

at::Tensor FluxTransformer::Embedder::operator()(const at::Tensor& x) const {
  return second(at::silu(first(x)));
}

FluxTransformer::Embedder FluxTransformer::embedder(const LayerSource& source, const std::string& name,
                                                    int64_t input_width) const {
  const std::string prefix = "time_text_embed." + name;
  return {Linear::uncut(source, {prefix + ".linear_1"}, config_.width(), input_width),
          Linear::uncut(source, {prefix + ".linear_2"}, config_.width(), config_.width())};
}

FluxTransformer::FluxTransformer(const FluxConfig& config, const LayerSource& source, Range blocks)
    : config_(config), blocks_(blocks), options_(source.options) {
  const int64_t width = config.width();
  const Dealt heads{width, config.head_dim};
  const Dealt mlp{config.mlp_width()};
  const auto norms = [&](const std::string& q, const std::string& k) {
    return HeadNorms{source.whole(q + ".weight", {config.head_dim}),
                     source.whole(k + ".weight", {config.head_dim})};
  };

  image_embedder_ = Linear::uncut(source, {"x_embedder"}, width, config.in_channels);
  text_embedder_ = Linear::uncut(source, {"context_embedder"}, width, config.text_width);
  time_ = embedder(source, "timestep_embedder", kTimeWidth);
  if (config.guidance) guidance_ = embedder(source, "guidance_embedder", kTimeWidth);
  pooled_ = embedder(source, "text_embedder", config.pooled_width);

  double_blocks_.resize(config.num_double_blocks);
  single_blocks_.resize(config.num_single_blocks);
  for (int64_t index = blocks.begin; index < blocks.end; ++index) {
    if (index < config.num_double_blocks) {
      const std::string name = cat("transformer_blocks.", index, ".");
      const auto stream = [&](const std::string& suffix, const std::string& q, const std::string& k,
                              const std::string& v, const std::string& out, const std::string& norm) {
        const std::string attn = name + "attn.";
        return DoubleBlock::Stream{
            Linear::uncut(source, {name + "norm1" + suffix + ".linear"}, 6 * width, width),
            Linear::cut_by_outputs(source, {{attn + q, heads}, {attn + k, heads}, {attn + v, heads}}, width),
            norms(attn + norm + "q", attn + norm + "k"),
            Linear::cut_by_inputs(source, attn + out, width, {heads}),
            Linear::cut_by_outputs(source, {{name + "ff" + suffix + ".net.0.proj", mlp}}, width),
            Linear::cut_by_inputs(source, name + "ff" + suffix + ".net.2", width, {mlp})};
      };
      double_blocks_[index] = std::make_unique<DoubleBlock>(DoubleBlock{
          stream("", "to_q", "to_k", "to_v", "to_out.0", "norm_"),
          stream("_context", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "norm_added_")});
    } else {
      const int64_t single = index - config.num_double_blocks;
      const std::string name = cat("single_transformer_blocks.", single, ".");
      single_blocks_[single] = std::make_unique<SingleBlock>(
          SingleBlock{Linear::uncut(source, {name + "norm.linear"}, 3 * width, width),
                      Linear::cut_by_outputs(source,
                                             {{name + "attn.to_q", heads},
                                              {name + "attn.to_k", heads},
                                              {name + "attn.to_v", heads},
                                              {name + "proj_mlp", mlp}},
                                             width),
                      norms(name + "attn.norm_q", name + "attn.norm_k"),
                      Linear::cut_by_inputs(source, name + "proj_out", width, {heads, mlp})});
    }
  }
  head_modulation_ = Linear::uncut(source, {"norm_out.linear"}, 2 * width, width);
  head_ = Linear::uncut(source, {"proj_out"}, config.out_channels, width);
}

FluxTransformer::~FluxTransformer() = default;

// (S, B, C): what the modulations are computed from.
at::Tensor FluxTransformer::time_embedding(const Conditions& conditions,
                                           const std::vector<float>& timesteps) const {
  // The pipeline hands timestep / 1000 over in the run's dtype and the model
  // multiplies by 1000 again: in 16 bits that is not the same number.
  const at::Tensor times = at::tensor(timesteps, at::kFloat).to(options_).div(1000).mul(1000);
  at::Tensor embedding = time_(sinusoid(times).to(options_)).unsqueeze(1);  // (S, 1, C)
  if (guidance_) {
    const at::Tensor guidance = conditions.guidance.to(options_).mul(1000);
    embedding = embedding + (*guidance_)(sinusoid(guidance).to(options_)).unsqueeze(0);
  }
  return embedding + pooled_(conditions.pooled).unsqueeze(0);
}

// Text tokens stand at (0, 0, 0), image tokens at (0, row, column); angles in fp64.
Rotary FluxTransformer::rotary(const Conditions& conditions) const {
  const int64_t rows = conditions.image_rows;
  const int64_t columns = conditions.image_columns;
  const int64_t num_text = conditions.text.size(0);
  const auto wide = at::TensorOptions(at::kDouble);
  const at::Tensor image_row = at::arange(rows, wide).unsqueeze(1).expand({rows, columns}).reshape({-1});
  const at::Tensor image_column =
      at::arange(columns, wide).unsqueeze(0).expand({rows, columns}).reshape({-1});
  const at::Tensor none = at::zeros({num_text}, wide);
  const at::Tensor positions[] = {at::zeros({num_text + rows * columns}, wide), at::cat({none, image_row}),
                                  at::cat({none, image_column})};
  std::vector<at::Tensor> angles;
  for (size_t axis = 0; axis < config_.rotary_axes.size(); ++axis) {
    const int64_t width = config_.rotary_axes[axis];
    const at::Tensor exponents = at::arange(0, width, 2, wide) / static_cast<double>(width);
    const at::Tensor frequencies = at::pow(kRotaryTheta, exponents).reciprocal();
    angles.push_back(at::outer(positions[axis], frequencies));
  }
  const at::Tensor all = at::cat(angles, -1).repeat_interleave(2, -1);
  const auto narrow = options_.dtype(at::kFloat);
  return {at::cos(all).to(narrow), at::sin(all).to(narrow)};
}

Conditioning FluxTransformer::prepare(const Conditions& conditions, const std::vector<float>& timesteps) {
  Conditioning conditioning;
  conditioning.text = text_embedder_(conditions.text);
  conditioning.rotary = rotary(conditions);
  const at::Tensor embedding = at::silu(time_embedding(conditions, timesteps));
  conditioning.modulation.resize(config_.num_blocks());
  for (int64_t index = blocks_.begin; index < blocks_.end; ++index) {
    at::Tensor& modulation = conditioning.modulation[index];
    if (index < config_.num_double_blocks) {
      const DoubleBlock& block = *double_blocks_[index];
      at::Tensor image = block.image.modulation(embedding);
      at::Tensor text = block.text.modulation(embedding);
      add_one(image, {1, 4}, 6);
      add_one(text, {1, 4}, 6);
      modulation = at::cat({image, text}, -1);
    } else {
      modulation = single_blocks_[index - config_.num_double_blocks]->modulation(embedding);
      add_one(modulation, {1}, 3);
    }
  }
  conditioning.head_modulation = head_modulation_(embedding);  // scale, shift
  add_one(conditioning.head_modulation, {0}, 2);
  return conditioning;
}

at::Tensor FluxTransformer::embed(const at::Tensor& latents, const Conditioning& conditioning, int /*step*/,
                                  const TokenLayout& layout) {
  return at::cat({conditioning.text.narrow(0, layout.text_held.begin, layout.text_held.size()),
                  image_embedder_(latents)});
}

void FluxTransformer::block(int index, at::Tensor& rows, const Conditioning& conditioning, int step,
                            const TokenLayout& layout, Attention& attention) {
  const int64_t head_dim = config_.head_dim;
  const at::Tensor modulation = conditioning.modulation[index][step];
  const auto buffer = [&](int64_t num_rows, int64_t width) {
    return at::empty({num_rows, rows.size(1), width / head_dim, head_dim}, rows.options());
  };

  if (index >= config_.num_double_blocks) {
    const SingleBlock& block = *single_blocks_[index - config_.num_double_blocks];
    const at::Tensor normed =
        modulated_layer_norm(rows, part(modulation, 1, 3), part(modulation, 0, 3), kEps);
    const at::Tensor fused = block.qkv_mlp(normed, layout.joint);
    const std::vector<int64_t>& widths = block.qkv_mlp.part_rows();
    const at::Tensor q = buffer(fused.size(0), widths[0]);
    const at::Tensor k = buffer(fused.size(0), widths[1]);
    const at::Tensor v = buffer(fused.size(0), widths[2]);
    project(fused, block.qkv_mlp, head_dim, block.norms,
            rotary_of(conditioning.rotary, layout.joint.gathered), 0, q, k, v);
    const at::Tensor attended = attention(index, layout.joint.gathered, q, k, v).flatten(2);
    const at::Tensor mlp = at::gelu(fused.narrow(-1, widths[0] + widths[1] + widths[2], widths[3]), "tanh");
    add_gated(rows, part(modulation, 2, 3), block.out(at::cat({attended, mlp}, -1), layout.joint));
    return;
  }

  const DoubleBlock& block = *double_blocks_[index];
  const int64_t num_text = layout.text_held.size();
  struct Run {
    const DoubleBlock::Stream& weights;
    const TokenStream& stream;
    at::Tensor rows;        // a view of the rows held
    at::Tensor modulation;  // (B, 6·C)
  };
  const Run runs[] = {{block.text, layout.text, rows.narrow(0, 0, num_text), part(modulation, 1, 2)},
                      {block.image, layout.image, rows.narrow(0, num_text, layout.image_held.size()),
                       part(modulation, 0, 2)}};

  const int64_t gathered = layout.text.gathered_size() + layout.image.gathered_size();
  const std::vector<int64_t>& widths = block.image.qkv.part_rows();
  const at::Tensor q = buffer(gathered, widths[0]);
  const at::Tensor k = buffer(gathered, widths[1]);
  const at::Tensor v = buffer(gathered, widths[2]);
  int64_t begin = 0;
  std::vector<Range> order;
  for (const Run& run : runs) {
    const at::Tensor normed =
        modulated_layer_norm(run.rows, part(run.modulation, 1, 6), part(run.modulation, 0, 6), kEps);
    const at::Tensor qkv = run.weights.qkv(normed, run.stream);
    project(qkv, run.weights.qkv, head_dim, run.weights.norms,
            rotary_of(conditioning.rotary, run.stream.gathered), begin, q, k, v);
    begin += qkv.size(0);
    order.insert(order.end(), run.stream.gathered.begin(), run.stream.gathered.end());
  }
  const at::Tensor attended = attention(index, order, q, k, v).flatten(2);
  begin = 0;
  for (const Run& run : runs) {
    const int64_t count = run.stream.gathered_size();
    add_gated(run.rows, part(run.modulation, 2, 6),
              run.weights.out(attended.narrow(0, begin, count), run.stream));
    begin += count;
    const at::Tensor normed =
        modulated_layer_norm(run.rows, part(run.modulation, 4, 6), part(run.modulation, 3, 6), kEps);
    const at::Tensor hidden = at::gelu(run.weights.mlp_in(normed, run.stream), "tanh");
    add_gated(run.rows, part(run.modulation, 5, 6), run.weights.mlp_out(hidden, run.stream));
  }
}

at::Tensor FluxTransformer::head(const at::Tensor& rows, const Conditioning& conditioning, int step,
                                 const TokenLayout& layout) {
  const at::Tensor image = rows.narrow(0, layout.text_held.size(), layout.image_held.size());
  const at::Tensor modulation = conditioning.head_modulation[step];
  return head_(modulated_layer_norm(image, part(modulation, 0, 2), part(modulation, 1, 2), kEps));
}

}  // namespace ditmesh

#pragma once
// What the parts of a picture cost on a rank's device, and what the rank says to others meanwhile.

#include <array>
#include <cstddef>

#include "ditmesh/mesh/device_speed.hpp"
#include "ditmesh/mesh/implementation.hpp"
#include "ditmesh/mesh/collective.hpp"
#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/mesh/model_shape.hpp"
#include "ditmesh/mesh/workload.hpp"

namespace ditmesh {

/// Those of a block: a few, and no memory is asked for.
class Collectives {
 public:
  void push_back(const Collective& each) { all_.at(count_++) = each; }
  const Collective* begin() const { return all_.data(); }
  const Collective* end() const { return all_.data() + count_; }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

 private:
  std::array<Collective, 5> all_{};
  size_t count_ = 0;
};

/// Of one block on the rows of one visit.
struct BlockCost {
  double compute_s = 0;  // without attention
  double attention_s = 0;
  Collectives collectives{};
};

/// The tokens that a stage works on at once, before they are dealt out over sequence × tensor.
struct Visit {
  double image_rows = 0;
  double text_rows = 0;
  double attended_rows = 0;  // whose keys and values they see

  double rows() const { return image_rows + text_rows; }
  bool operator==(const Visit&) const = default;
};

/// For one branch of a batch, on the rank that has the most to do. All times in s.
class ComputeCost {
 public:
  ComputeCost(const ModelShape& model, const Workload& workload, const Implementation& implementation,
              const DeviceSpeed& device, const Mesh& mesh);

  /// All tokens of the picture, or patch `patch` of it: text goes with patch 0.
  Visit whole() const;
  Visit patch(int patch) const;

  BlockCost block(BlockKind kind, const Visit& visit) const;
  /// The transformer's ends, for the image rows of a visit.
  double embed_s(const Visit& visit) const;
  double head_s(const Visit& visit) const;
  /// Scheduler and guidance, for the image rows of a visit.
  double update_s(const Visit& visit) const;
  /// Modulations of `num_blocks` blocks of each kind for all steps, once for a batch.
  double prepare_s(int joint_blocks, int single_blocks) const;

  /// Of a batch, all branches, on the ranks of a replica, which may share it: whole prompts, rows of a
  /// picture.
  double encode_s(int num_ranks) const;
  double decode_s(int num_ranks) const;
  /// A step of a model that is no transformer, one branch.
  double unet_s() const;

  /// Bytes that a rank hands to the next stage; and those of the latents of a visit.
  double activation_bytes(const Visit& visit) const;
  double latent_bytes(const Visit& visit) const;

 private:
  double held(double rows) const;
  double compute_rows_s(BlockKind kind, const Visit& visit) const;

  const ModelShape model_;
  const Workload workload_;
  const Implementation implementation_;
  const DeviceSpeed device_;
  double batch_ = 1;
  double element_ = 2;
  double tensor_ = 1;
  double ulysses_ = 1;
  double ring_ = 1;
};

}  // namespace ditmesh

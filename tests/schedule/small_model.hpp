#pragma once

#include "ditmesh/schedule/schedule.hpp"

namespace ditmesh::testing {

/// 2 heads of 4, rows of 16 bytes, latents of 4 bytes a token.
inline ModelShape small_model(int num_joint, int num_single) {
  ModelShape model;
  model.name = "small";
  model.width = 8;
  model.num_heads = 2;
  model.mlp_width = 32;
  model.num_joint_blocks = num_joint;
  model.num_single_blocks = num_single;
  model.in_channels = 2;
  model.pixels_per_token = 1;
  return model;
}

/// 4 text tokens, and a picture of so many image tokens; bf16.
inline Workload small_work(int num_image, int steps) {
  Workload work;
  work.height = 1;
  work.width = num_image;
  work.steps = steps;
  work.text_tokens = 4;
  return work;
}

inline Mesh mesh_of(std::initializer_list<std::pair<Axis, int>> degrees) {
  Mesh mesh;
  for (const auto& [axis, degree] : degrees) mesh = mesh.with(axis, degree);
  return mesh;
}

}  // namespace ditmesh::testing

#pragma once

#include <algorithm>
#include <random>

#include "ditmesh/schedule/schedule.hpp"

namespace ditmesh::testing {

inline int random_int(std::mt19937& random, int first, int last) {
  return first + static_cast<int>(random() % static_cast<unsigned>(last - first + 1));
}

/// Small models on meshes of 1 to 4,096 ranks, primes and uneven splits among them; the largest do few steps.
inline Schedule random_schedule(std::mt19937& random) {
  Mesh mesh;
  // Most are small: half of them have at most 4 ranks an axis, few come near the limit.
  const int limit = 1 << random_int(random, 0, random_int(random, 5, 12));
  for (int i = 0; i < 12; ++i) {
    const Axis axis = kAxes[static_cast<size_t>(random_int(random, 0, 4))];
    const int degree = random_int(random, 2, axis == Axis::cfg ? 2 : 7);
    const Mesh larger = mesh.with(axis, mesh.degree(axis) * degree);
    if (larger.size() <= limit && (axis != Axis::cfg || mesh.degree(Axis::cfg) == 1)) mesh = larger;
  }
  if (random_int(random, 0, 9) == 0 && mesh.size() <= limit / 2) mesh = mesh.with(Axis::data, 2);

  const int size = mesh.size() > 512 ? 0 : mesh.size() > 32 ? 1 : 2;
  Workload work;
  work.steps = random_int(random, 1, 2 + 2 * size);
  work.patches = random_int(random, 0, 2) == 0 ? 1 : random_int(random, 2, 3 + 3 * size);
  work.warmup_steps = random_int(random, 1, work.steps);
  work.batch = random_int(random, 1, 3);
  work.branches = mesh.degree(Axis::cfg) == 2 ? 2 : random_int(random, 1, 2);
  work.text_tokens = random_int(random, 1, 60);

  ModelShape model;
  model.name = "random";
  model.num_heads = random_int(random, 1, 12);
  model.width = 8 * model.num_heads;
  model.mlp_width = 4 * model.width;
  model.in_channels = 4;
  model.pixels_per_token = 1;
  const int num_blocks = mesh.degree(Axis::pipeline) + random_int(random, 0, 8);
  model.num_joint_blocks = random_int(random, 0, num_blocks);
  model.num_single_blocks = num_blocks - model.num_joint_blocks;

  const int shards = mesh.degree(Axis::tensor) * mesh.degree(Axis::ulysses) * mesh.degree(Axis::ring);
  work.height = 1;
  // The fewest that are allowed, or some more that divide by nothing.
  work.width = 2 * shards * work.patches + random_int(random, 0, 3) * random_int(random, 0, 37);
  while (work.width / work.patches / shards < 2) ++work.width;
  const int batches = random_int(random, 0, 1) == 0 ? 0 : random_int(random, 1, 1 + 2 * size);
  return make_schedule(mesh, model, work, mesh.size() > 512 ? 1 : batches);
}

}  // namespace ditmesh::testing

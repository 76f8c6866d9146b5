#pragma once
// What is to be made, as far as its cost depends on it.

#include <cstdint>

namespace ditmesh {

enum class Dtype { fp32, fp16, bf16 };

/// A batch of pictures, and how it is made.
struct Workload {
  int64_t height = 1024;  // pixels
  int64_t width = 1024;
  int steps = 28;
  int64_t batch = 1;        // pictures that kernels see at once
  int64_t text_tokens = 0;  // of the prompt
  int branches = 1;         // 2 with true CFG: with and without the prompt
  int patches = 1;          // above 1: PipeFusion
  int warmup_steps = 1;     // of PipeFusion: steps with fresh keys and values of all tokens
  Dtype dtype = Dtype::bf16;

  int64_t element_size() const { return dtype == Dtype::fp32 ? 4 : 2; }
  bool operator==(const Workload&) const = default;
};

}  // namespace ditmesh

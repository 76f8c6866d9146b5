#pragma once
// The memory that a rank needs.

#include <cstdint>
#include <string>
#include <vector>

#include "ditmesh/base/range.hpp"
#include "ditmesh/mesh/implementation.hpp"
#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/mesh/model_shape.hpp"
#include "ditmesh/mesh/workload.hpp"

namespace ditmesh {

enum class EncoderPlace { resident, released };

/// Bytes on the device of the rank that needs most. The parts do not all live at the same time.
struct MemoryCost {
  uint64_t weights = 0;       // of its stage and tensor slice
  uint64_t encoders = 0;      // weights, sliced over tensor
  uint64_t decoder = 0;       // weights
  uint64_t conditioning = 0;  // embedded prompts and modulations of all steps
  uint64_t cache = 0;         // keys and values of PipeFusion
  uint64_t activations = 0;   // of a block
  uint64_t encoding = 0;      // activations of the encoders
  uint64_t decoding = 0;      // of the decoder
  uint64_t buffers = 0;       // of communication
  uint64_t context = 0;       // of the driver and its libraries
  EncoderPlace encoder_place = EncoderPlace::resident;

  /// While steps are made, pictures decoded, prompts encoded; and the most of these.
  uint64_t making() const;
  uint64_t decoding_peak() const;
  uint64_t encoding_peak() const;
  uint64_t peak() const;
  bool operator==(const MemoryCost&) const = default;

 private:
  uint64_t always() const;
  uint64_t standing() const;  // whatever is done, but encoding with released encoders
};

/// `stages`: of the pipeline.
MemoryCost memory_cost(const ModelShape& model, const Workload& workload, const Mesh& mesh,
                       const std::vector<Range>& stages, EncoderPlace encoders, bool is_gpu,
                       const Implementation& implementation);

std::string to_text(const MemoryCost& memory);

}  // namespace ditmesh

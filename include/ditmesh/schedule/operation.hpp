#pragma once
// What one rank does, as plain data: made without communication, printed in one line, compared with ==.

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/base/range.hpp"
#include "ditmesh/mesh/collective.hpp"
#include "ditmesh/mesh/model_shape.hpp"

namespace ditmesh {

enum class OperationKind : uint8_t { embed, blocks, send, receive, collective, head, scheduler, decode };
std::string_view to_string(OperationKind kind);

/// What goes over the wire: token rows of the model's width, latents, or what the head says of them.
enum class Payload : uint8_t { rows, latents, prediction };
std::string_view to_string(Payload payload);

/// Keys and values that attention reads: of the run `tokens` of joint positions, as they were at `step`.
struct CacheRead {
  Range tokens{};
  int step = 0;

  bool operator==(const CacheRead&) const = default;
};

/// All image tokens at once, not a patch of them.
inline constexpr int kAllPatches = -1;

/// Positions are joint ones, text first: 4 text and 6 image tokens are 0…3 and 4…9.
struct Operation {
  OperationKind kind = OperationKind::embed;
  int batch = 0;            // of those in flight
  int step = 0;             // of denoising, from 0
  int patch = kAllPatches;  // of PipeFusion
  int branch = 0;           // of true CFG
  Range tokens{};           // that the operation is about, on all ranks of the stage together
  Range text{};             // of them the text tokens that this rank holds,
  Range image{};            // and the image tokens

  // Of `blocks`: a run of blocks of one kind. They write their keys and values of `tokens` at `step`, then
  // read those of `reads`, which are all tokens of the sequence.
  Range blocks{};
  BlockKind block_kind = BlockKind::joint;
  std::vector<CacheRead> reads{};
  // Of `blocks`: what each block calls. Of `collective`: the one verb.
  std::vector<Collective> collectives{};

  // Of `send` and `receive`; `payload` also of `collective`. A receive may be posted at its place and waited
  // for where what comes is needed: rows by the blocks that follow, latents by the part's `embed`. Of latents
  // `step` is the one that begins with them.
  int peer = -1;  // rank of the mesh
  int64_t bytes = 0;
  Payload payload = Payload::rows;

  bool operator==(const Operation&) const = default;
};

/// What one rank does, in order.
using Program = std::vector<Operation>;

/// "step 1 patch 0: blocks [0, 2) joint on [0, 6), reads [0, 6) of step 1, [6, 10) of step 0"
std::string to_string(const Operation& operation);
/// A line each.
std::string to_string(const Program& program);
std::ostream& operator<<(std::ostream& out, const Operation& operation);

}  // namespace ditmesh

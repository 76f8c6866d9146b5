#pragma once
// How programs carry out what a model asks for: what costs time beside matrix products and attention.

#include <string>
#include <vector>

namespace ditmesh {

struct Implementation {
  std::string name{};
  std::string description{};
  /// Bytes that a block's elementwise kernels read and write for each byte of its token rows.
  double block_passes = 0;
  /// Kernels of a block: together they take at least the time that it takes to launch them.
  double kernels_per_block = 0;
  /// Over the output in fp32, to join what attention to two parts of a ring gave.
  double merge_passes = 0;
  /// Of an encoder's layer: the same passes (its MLP and attention included), and kernels.
  double encoder_passes = 0;
  double encoder_kernels = 0;
  /// Of the decoder: bytes moved for each byte that its convolutions put out.
  double decoder_passes = 0;
  /// Besides, by group norms, which of one picture alone fill a quarter of a device: of a batch of four they
  /// take no longer.
  double decoder_norm_passes = 0;
  /// Time of computing over what the device's profile says.
  double slowdown = 1;

  bool exchanges_qkv_together = true;  // Ulysses sends q, k and v in one all-to-all, or in three
  bool ring_gathers = false;           // ring attention first gathers all keys and values: nothing overlaps
  bool deals_out_ends = true;          // a replica's ranks share the encoding of prompts and the decoding

  bool operator==(const Implementation&) const = default;
};

/// "ditmesh", "compiled" or "xdit"; throws ConfigError with the nearest name.
Implementation find_implementation(const std::string& name);
std::vector<std::string> implementation_names();

}  // namespace ditmesh

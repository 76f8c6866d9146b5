#pragma once
// What is looked at before a job begins: may it write to OUTPUT, and does it fit there.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/part.hpp"

namespace ditmesh {

enum class OutputState {
  fresh,      // not there, or nothing of this job in it
  unfinished  // a job file is there: it is gone on with, or done
};

/// OUTPUT, or the nearest above it that is there; absolute.
std::filesystem::path nearest_existing(const std::filesystem::path& output);

/// Throws ConfigError if OUTPUT is no folder, or holds anything but a dataset that `part` can go on with;
/// EnvironmentError if it cannot be written. Changes nothing.
OutputState check_output(const std::filesystem::path& output, const Part& part = {});

/// Free for this user where OUTPUT is or will be. Throws EnvironmentError if the system does not say.
uint64_t free_bytes(const std::filesystem::path& output);

/// Samples of one size that are still to be made.
struct PendingSamples {
  int32_t height = 0;  // pixels
  int32_t width = 0;   // pixels
  int64_t num_samples = 0;
  int64_t shard_size = 0;  // samples
};

/// What the samples take: pixels, uncompressed or as much as is expected of the format, with
/// `latent_channels` > 0 also float32 latents of an eighth of the sides, 4 KiB each for the columns; and
/// twice the largest shard, whose journals stand beside it until it is complete.
uint64_t estimate_bytes(const std::vector<PendingSamples>& pending, const ImageFormat& format = {},
                        int64_t latent_channels = 0);

/// Says the estimate; throws EnvironmentError if it is more than what is free.
void check_space(const std::filesystem::path& output, uint64_t needed_bytes, const Log& log = {});

/// The same with what is free given.
void check_space(const std::filesystem::path& output, uint64_t needed_bytes, uint64_t available_bytes,
                 const Log& log);

}  // namespace ditmesh

#include "ditmesh/dataset/output_check.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr uint64_t kColumnBytes = 4096;  // of a sample: texts, in its shard and in the index
constexpr size_t kMaxNamed = 3;
constexpr int64_t kLatentPixels = 8;  // along a side

constexpr std::string_view kOurNames[] = {"shards", "journal", "traces", "dataset.h5", "dataset.h5.tmp"};

void check_is_writable(const std::filesystem::path& output) {
  const std::filesystem::path above = nearest_existing(output);
  std::error_code error;
  if (!std::filesystem::is_directory(above, error)) {
    throw ConfigError(cat("--output ", output, ": ", above, " is not a folder"), "give another path");
  }
  if (::access(above.c_str(), W_OK | X_OK) != 0) {
    throw EnvironmentError(
        cat("--output ", output, ": ", above, " cannot be written: ", std::strerror(errno)),
        "give a folder where you may write");
  }
}

bool is_ours(const std::string& name) {
  // Hidden ones are left by file managers and by NFS.
  if (name.starts_with('.') ||
      std::find(std::begin(kOurNames), std::end(kOurNames), name) != std::end(kOurNames))
    return true;
  for (const std::string_view extension : {".json", ".json.tmp", ".lock"}) {
    if (Part::of_file_name(name, extension)) return true;
  }
  return false;
}

bool has_files(const std::filesystem::path& folder) {
  std::error_code none;
  return std::filesystem::directory_iterator(folder, none) != std::filesystem::directory_iterator();
}

void check_same_partition(const std::filesystem::path& output, const Part& part,
                          const std::vector<Part>& parts) {
  for (const Part& other : parts) {
    if (other.count == part.count) continue;
    throw ConfigError(cat("--output ", output, " holds ", other, " of a job, this one makes ", part),
                      other.is_whole() ? "leave --part out, or choose another --output"
                                       : cat("give --part I/", other.count, ", or choose another --output"));
  }
}

void refuse_foreign_files(const std::filesystem::path& output) {
  std::vector<std::string> foreign;
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(output, none)) {
    std::string name = file.path().filename().string();
    if (!is_ours(name)) foreign.push_back(std::move(name));
  }
  if (foreign.empty()) return;
  std::sort(foreign.begin(), foreign.end());
  const auto num_foreign = static_cast<int64_t>(foreign.size());
  foreign.resize(std::min(foreign.size(), kMaxNamed));
  throw ConfigError(cat("--output ", output, " holds ", counted(num_foreign, "file"),
                        " that no job of ditmesh wrote: ", join(foreign, ", "),
                        num_foreign > static_cast<int64_t>(kMaxNamed) ? ", …" : ""),
                    "give a folder that does not exist yet, or an empty one");
}

// `share` of the pixels' bytes, and all that is beside them.
uint64_t sample_bytes(const PendingSamples& pending, double share, int64_t latent_channels) {
  const auto height = static_cast<uint64_t>(pending.height);
  const auto width = static_cast<uint64_t>(pending.width);
  const uint64_t latents = static_cast<uint64_t>(latent_channels) * (height / kLatentPixels) *
                           (width / kLatentPixels) * sizeof(float);
  return static_cast<uint64_t>(static_cast<double>(height * width * 3) * share) + latents + kColumnBytes;
}

}  // namespace

std::filesystem::path nearest_existing(const std::filesystem::path& output) {
  std::error_code error;
  std::filesystem::path above = std::filesystem::absolute(output, error).lexically_normal();
  while (!std::filesystem::exists(above, error) && above.has_relative_path()) above = above.parent_path();
  return above;
}

OutputState check_output(const std::filesystem::path& output, const Part& part) {
  std::error_code error;
  if (std::filesystem::exists(output, error) && !std::filesystem::is_directory(output, error)) {
    throw ConfigError(cat("--output ", output, " is a file"), "give a folder");
  }
  check_is_writable(output);
  const auto parts = parts_with_file(output, ".json");
  check_same_partition(output, part, parts);
  if (std::find(parts.begin(), parts.end(), part) != parts.end()) return OutputState::unfinished;
  if (parts.empty()) {
    refuse_foreign_files(output);
    if (has_files(output / "shards") || has_files(output / "journal")) {
      throw ConfigError(
          cat("--output ", output, " holds samples, but no job.json that says how they are made"),
          "bring job.json back, or choose another --output");
    }
  }
  return OutputState::fresh;
}

uint64_t free_bytes(const std::filesystem::path& output) {
  const std::filesystem::path above = nearest_existing(output);
  struct statvfs space {};
  while (::statvfs(above.c_str(), &space) != 0) {
    if (errno == EINTR) continue;
    throw EnvironmentError(cat("cannot ask for the free space of ", above, ": ", std::strerror(errno)),
                           "check the file system of --output");
  }
  return static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
}

uint64_t estimate_bytes(const std::vector<PendingSamples>& pending, const ImageFormat& format,
                        int64_t latent_channels) {
  uint64_t all = 0;
  uint64_t largest_shard = 0;
  for (const PendingSamples& samples : pending) {
    const auto in_shard = static_cast<uint64_t>(std::min(samples.shard_size, samples.num_samples));
    all += sample_bytes(samples, format.expected_share(), latent_channels) *
           static_cast<uint64_t>(samples.num_samples);
    // Journals hold pixels, whatever the format.
    largest_shard = std::max(largest_shard, sample_bytes(samples, 1, latent_channels) * in_shard);
  }
  return all + 2 * largest_shard;
}

void check_space(const std::filesystem::path& output, uint64_t needed_bytes, uint64_t available_bytes,
                 const Log& log) {
  const std::string estimate = cat("the job needs about ", human_bytes(needed_bytes), " in ", output, ", ",
                                   human_bytes(available_bytes), " are free");
  if (available_bytes < needed_bytes) {
    throw EnvironmentError(estimate, "make room, choose another --output, or make fewer samples (--limit)");
  }
  log.info(estimate);
}

void check_space(const std::filesystem::path& output, uint64_t needed_bytes, const Log& log) {
  check_space(output, needed_bytes, free_bytes(output), log);
}

}  // namespace ditmesh

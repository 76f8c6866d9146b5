#pragma once
// A shard opened for reading: pixels and latents by position.

#include <filesystem>
#include <optional>
#include <string>

#include "ditmesh/dataset/image.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// OUTPUT/shards/NAME.h5
std::filesystem::path shard_path(const std::filesystem::path& output, const std::string& name);

/// Throws EnvironmentError for a file of another format version.
void check_format_version(hid_t file, const std::filesystem::path& path);

/// Throws EnvironmentError if /samples lacks a column that is always there.
void check_columns(hid_t samples, const std::filesystem::path& path);

class ShardFile {
 public:
  /// OUTPUT/shards/NAME.h5, whose pixels are in the group `bucket`. Throws
  /// EnvironmentError if it is missing, damaged, or lacks the group.
  ShardFile(const std::filesystem::path& output, const std::string& name, const std::string& bucket);
  /// The same with the bucket that its own samples name.
  ShardFile(const std::filesystem::path& output, const std::string& name);

  const std::string& name() const { return name_; }
  hid_t file() const { return file_.get(); }
  bool has_latents() const;

  /// Whether there are pixels is told by the status, not here.
  Image read_image(int64_t position) const;
  Latents read_latents(int64_t position) const;

 private:
  std::string name_;
  std::filesystem::path path_;
  Hdf5Handle file_;
  Hdf5Handle bucket_;
};

}  // namespace ditmesh

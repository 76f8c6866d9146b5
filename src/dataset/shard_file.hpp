#pragma once
// A shard opened for reading: pixels and latents by position.

#include <filesystem>
#include <optional>
#include <string>

#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/shard.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// OUTPUT/shards/NAME.h5
std::filesystem::path shard_path(const std::filesystem::path& output, const std::string& name);

/// Throws EnvironmentError for a file of another format version than `known`.
void check_format_version(hid_t file, const std::filesystem::path& path, int64_t known = kFormatVersion);

/// Attribute of the root of every shard and index: ImageFormat::to_string().
inline constexpr const char* kImageFormat = "image_format";

/// Of the root's attribute; raw where there is none, as in files of the first versions. Throws
/// EnvironmentError for one that this version does not know.
ImageFormat read_image_format(hid_t file, const std::filesystem::path& path);

/// Throws EnvironmentError if /samples lacks a column that is always there with pictures of this format.
void check_columns(hid_t samples, const ImageFormat& format, const std::filesystem::path& path);

class ShardFile {
 public:
  /// OUTPUT/shards/NAME.h5, whose pixels are in the group `bucket`. Throws
  /// EnvironmentError if it is missing, damaged, or lacks the group.
  ShardFile(const std::filesystem::path& output, const std::string& name, const std::string& bucket);
  /// The same with the bucket that its own samples name.
  ShardFile(const std::filesystem::path& output, const std::string& name);

  const std::string& name() const { return name_; }
  hid_t file() const { return file_.get(); }
  const ImageFormat& image_format() const { return format_; }
  bool has_latents() const;

  /// Whether there are pixels is told by the status, not here. Throws EnvironmentError if they are damaged.
  Image read_image(int64_t position) const;
  /// Not of raw pictures: the bytes as they are in the file; as read_image() has it, if they are a picture of
  /// the bucket's size; and the attribute `media_type` of their dataset.
  std::string read_encoded(int64_t position) const;
  Image decode(const std::string& encoded, int64_t position) const;
  std::string media_type() const;
  Latents read_latents(int64_t position) const;

 private:
  std::string name_;
  std::filesystem::path path_;
  Hdf5Handle file_;
  ImageFormat format_;
  Hdf5Handle bucket_;
};

}  // namespace ditmesh

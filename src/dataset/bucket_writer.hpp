#pragma once
// A shard's pictures and latents, written one by one.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// The datasets of a bucket group: `images` or `encoded`, `latents` as the first of them come, `row`.
class BucketWriter {
 public:
  /// `size`: samples.
  BucketWriter(hid_t file, Bucket bucket, size_t size, const ImageFormat& format);

  /// Throws EnvironmentError if the picture has not the bucket's size.
  void check_size(const Image& image) const;

  /// Of a raw bucket. Throws as check_size().
  void write_image(int64_t position, const Image& image);
  /// A picture file; of a bucket that is not raw.
  void write_encoded(int64_t position, const std::string& bytes);
  /// Throws EnvironmentError if the shard has latents of another shape already.
  void write_latents(int64_t position, const Latents& latents);
  /// The manifest row of every position.
  void write_rows(const std::vector<int64_t>& rows);

 private:
  Hdf5Handle create(const std::string& name, hid_t type, std::vector<hsize_t> shape, const float* fill) const;
  Hdf5Handle create_encoded() const;

  hsize_t size_;
  Bucket bucket_;  // without its samples
  Hdf5Handle group_;
  Hdf5Handle pictures_;
  std::optional<Hdf5Handle> latents_;
  std::array<int32_t, 3> latents_shape_{};
};

}  // namespace ditmesh

#pragma once
// The parts of the index that point at pixels: links, virtual datasets, preview.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/index.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// A shard as rows [begin, begin + size) of its bucket.
struct IndexedShard {
  std::string name;
  int64_t begin = 0;
  int64_t size = 0;
};

struct IndexedBucket {
  std::string name;
  std::vector<IndexedShard> shards;
  std::vector<int64_t> rows;  // manifest row of each row of the bucket
};

/// /by_shard/NAME → shards/NAME.h5, relative to the index.
void write_links(hid_t file, const std::vector<ScannedShard>& shards);

/// /HEIGHTxWIDTH with `row`, and virtual `images` or `encoded`, by the format
/// (and `latents`, if the shards have some) over at most `max_virtual_shards` shards. Above that, and where a
/// shard is not there (it would read as black pixels), an attribute says where
/// to look.
void write_bucket(hid_t file, const std::filesystem::path& output, const IndexedBucket& bucket,
                  const ImageFormat& format, int64_t max_virtual_shards);

/// A picture with the attributes by which viewers know it as one. Source: HDF5
/// Image and Palette Specification 1.2.
void write_hdf5_image(hid_t file, const std::string& name, const Image& image);

}  // namespace ditmesh

#include "index_file.hpp"

#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

std::filesystem::path index_path(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw ConfigError(cat("there is no dataset ", path), "check the path");
  if (!std::filesystem::is_directory(path)) return path;
  if (std::filesystem::exists(path / "dataset.h5")) return path / "dataset.h5";
  if (std::filesystem::exists(path / "shards")) {
    throw ConfigError(cat(path, " has shards but no dataset.h5"),
                      cat("make it with ditmesh index ", path.string(), ", or let ditmesh generate finish"));
  }
  throw ConfigError(cat(path, " is not a dataset: it has no dataset.h5"),
                    "give the folder that ditmesh generate wrote to");
}

}  // namespace

IndexFile open_index(const std::filesystem::path& path) {
  const std::filesystem::path index = index_path(path);
  if (!is_hdf5_file(index)) {
    throw ConfigError(cat(index, " is not an HDF5 file"), "give the folder that ditmesh generate wrote to");
  }
  Hdf5Handle file = open_hdf5_file(index);
  if (!has_attribute(file.get(), "content_hash")) {
    throw ConfigError(cat(index, " is not the index of a dataset: it has no attribute content_hash"),
                      "give the folder that ditmesh generate wrote to");
  }
  check_format_version(file.get(), index);
  check_columns(open_group(file.get(), "samples").get(), read_image_format(file.get(), index), index);
  return {index.parent_path(), std::move(file)};
}

}  // namespace ditmesh

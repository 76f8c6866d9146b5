#pragma once
// OUTPUT/dataset.h5, found and opened for reading.

#include <filesystem>

#include "hdf5.hpp"

namespace ditmesh {

struct IndexFile {
  std::filesystem::path folder;  // OUTPUT
  Hdf5Handle file;
};

/// `path`: OUTPUT or OUTPUT/dataset.h5. Throws ConfigError if that is no dataset.
IndexFile open_index(const std::filesystem::path& path);

}  // namespace ditmesh

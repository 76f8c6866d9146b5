#pragma once
// How the file system of a folder behaves, tried out with small files that are removed again.

#include <cstdint>
#include <filesystem>
#include <string>

namespace ditmesh {

struct FolderProbe {
  std::filesystem::path folder;  // the nearest one that is there
  std::string file_system;    // "ext4", "nfs", "lustre", "tmpfs", …; its number if it is none of the known
  bool is_in_memory = false;  // what is written is gone with the host
  bool is_network = false;    // other hosts may see it
  uint64_t free_bytes = 0;

  std::string write_error;   // empty: a file was written, synced and read back
  double sync_ms = 0;        // that fsync of a 4 KiB file took, the median of some
  std::string rename_error;  // empty: a rename replaced a file at once
  bool has_locks = false;    // a second opener finds the lock taken
  std::string hdf5_error;    // empty: an HDF5 file was written, closed and read back
};

/// Of the folder, or of the nearest above it that is there. Throws EnvironmentError if not even that can be
/// asked for.
FolderProbe probe_folder(const std::filesystem::path& folder);

/// "1.14.3", of the library that runs.
std::string hdf5_version();
/// Whether it was built with deflate, without which no shard can be written or read.
bool hdf5_has_deflate();

}  // namespace ditmesh

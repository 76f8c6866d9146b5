#include "temporary_file.hpp"

#include <unistd.h>

#include "ditmesh/base/file.hpp"

namespace ditmesh {

TemporaryFile::~TemporaryFile() {
  if (is_renamed_) return;
  // HDF5 may keep a file open that it could not finish: empty, it takes no space until the process ends.
  if (::truncate(path_.c_str(), 0) == 0) ::unlink(path_.c_str());
}

void TemporaryFile::rename_to(const std::filesystem::path& path) {
  rename_durably(path_, path);
  is_renamed_ = true;
}

}  // namespace ditmesh

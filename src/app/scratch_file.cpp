#include "scratch_file.hpp"

#include <unistd.h>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

ScratchFile::ScratchFile(std::string_view what)
    : path_(std::filesystem::temp_directory_path() / cat("ditmesh-", what, "-", ::getpid())) {}

ScratchFile::~ScratchFile() { remove(); }

void ScratchFile::remove() const {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace ditmesh

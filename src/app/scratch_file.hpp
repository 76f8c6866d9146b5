#pragma once

#include <filesystem>
#include <string_view>

namespace ditmesh {

/// The name of a file in the folder for temporary files, of this process alone; the file goes away with the
/// object.
class ScratchFile {
 public:
  /// `what` is in it.
  explicit ScratchFile(std::string_view what);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void remove() const;

 private:
  std::filesystem::path path_;
};

}  // namespace ditmesh

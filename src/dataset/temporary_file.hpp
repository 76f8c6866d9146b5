#pragma once
// A file that goes away unless it gets its final name.

#include <filesystem>

namespace ditmesh {

class TemporaryFile {
 public:
  /// The name only: the file is its owner's to make, behind this object, so that it is closed before it goes.
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Durably. Throws EnvironmentError.
  void rename_to(const std::filesystem::path& path);

 private:
  std::filesystem::path path_;
  bool is_renamed_ = false;
};

}  // namespace ditmesh

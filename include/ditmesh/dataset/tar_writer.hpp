#pragma once
// Tar archives: ustar, with a pax header before a member whose name is too long for it. Source: POSIX.1-2017,
// pax, "ustar Interchange Format".

#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>

namespace ditmesh {

class TemporaryFile;

/// The same members make the same bytes: time, user and group are 0.
class TarWriter {
 public:
  /// Writes PATH.tmp. Throws EnvironmentError.
  explicit TarWriter(std::filesystem::path path);
  /// An archive that was not finished goes away.
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// A file. Throws InternalError for content of 8 GiB or more, EnvironmentError if the disk is full.
  void add(std::string_view name, std::string_view content);

  /// The archive has its name, and is on disk. Throws EnvironmentError.
  void finish();

 private:
  void add_member(std::string_view name, char type, std::string_view content);
  void write(std::string_view bytes);

  std::filesystem::path path_;
  std::unique_ptr<TemporaryFile> temporary_;
  std::ofstream out_;
  uint64_t num_bytes_ = 0;
};

}  // namespace ditmesh

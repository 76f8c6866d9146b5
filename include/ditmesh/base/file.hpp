#pragma once
// Files: whole reads, atomic writes, read-only memory maps.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace ditmesh {

/// The whole file; throws ConfigError naming the path if it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// The first line without blanks around it; empty if there is none or no such file: for what the kernel
/// shows.
std::string first_line(const std::filesystem::path& path);

/// Writes all bytes, however many calls that takes; false, with errno set, when one of them failed.
bool write_all(int file_descriptor, std::string_view bytes);

/// Writes under a temporary name, syncs, renames, syncs the folder: the file
/// is complete or not there. Throws EnvironmentError.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Creates the folder and those above it, unless they are there. Throws EnvironmentError.
void create_folders(const std::filesystem::path& folder);

/// Whether `path` is `folder` or below it, links resolved as far as they are there.
bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder);

/// Makes the rename of `temporary` to `path` durable. Throws EnvironmentError.
void rename_durably(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// A whole file mapped read-only. Pages come in when they are touched.
class MappedFile {
 public:
  /// Throws ConfigError if the file is missing, unreadable or empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size_bytes() const { return size_; }

  /// Tells the kernel that these bytes are not needed again, so that they do
  /// not count as memory of this process any longer.
  void forget(const uint8_t* begin, size_t size) const noexcept;

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace ditmesh

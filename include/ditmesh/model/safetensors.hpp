#pragma once
// Reading safetensors files, memory-mapped and distrustful.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ditmesh/base/file.hpp"

namespace ditmesh {

/// The format's name of a dtype: "F32", "BF16", "I64".
std::string dtype_name(at::ScalarType dtype);

/// One file. The header is checked whole when it is opened: JSON, dtypes, shapes
/// against byte counts, offsets inside the file, no overlaps and no holes;
/// anything else is a ConfigError that names file, tensor and numbers.
/// Source: the format of huggingface/safetensors.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  struct Entry {
    at::ScalarType dtype;
    std::vector<int64_t> shape;
    uint64_t begin = 0;  // bytes from the start of the file
    uint64_t end = 0;
  };

  const std::map<std::string, Entry>& entries() const { return entries_; }
  const std::filesystem::path& path() const { return path_; }

  /// The tensor as a view of the mapped file: read-only, valid while this object lives.
  at::Tensor view(const Entry& entry) const;

  /// The bytes of the entry need not stay in memory any longer.
  void forget(const Entry& entry) const noexcept;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ditmesh

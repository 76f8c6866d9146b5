#pragma once
// Folders and files that tests of the model layer write.

#include <ATen/core/Tensor.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"

namespace ditmesh::testing {

/// A folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ditmesh_test_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// The bytes of a safetensors file: the header's size, the header, the data.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  const uint64_t size = header.size();
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes.append(header).append(data);
}

/// A well-formed file of these tensors, in order of their names.
inline std::string safetensors_bytes(const std::map<std::string, at::Tensor>& tensors) {
  const std::map<at::ScalarType, const char*> names = {{at::kFloat, "F32"}, {at::kDouble, "F64"},
                                                       {at::kHalf, "F16"},  {at::kBFloat16, "BF16"},
                                                       {at::kLong, "I64"},  {at::kInt, "I32"}};
  Json header = Json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor whole = tensor.contiguous();
    const size_t begin = data.size();
    data.append(static_cast<const char*>(whole.data_ptr()), whole.nbytes());
    header[name] = {{"dtype", names.at(whole.scalar_type())},
                    {"shape", whole.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  return safetensors_bytes(header.dump(), data);
}

}  // namespace ditmesh::testing

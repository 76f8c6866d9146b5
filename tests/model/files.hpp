#pragma once
// Folders and files that tests of the model layer write.

#include <ATen/core/Tensor.h>

#include <cstring>
#include <map>
#include <string>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "temporary_folder.hpp"

namespace ditmesh::testing {

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

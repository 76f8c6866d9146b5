#include "ditmesh/model/safetensors.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr const char* kFetchAgain = "the file is damaged or cut short, fetch it again";

const std::map<std::string, at::ScalarType>& dtypes() {
  static const std::map<std::string, at::ScalarType> kTypes = {{"F64", at::kDouble},
                                                               {"F32", at::kFloat},
                                                               {"F16", at::kHalf},
                                                               {"BF16", at::kBFloat16},
                                                               {"F8_E4M3", at::kFloat8_e4m3fn},
                                                               {"F8_E5M2", at::kFloat8_e5m2},
                                                               {"I64", at::kLong},
                                                               {"I32", at::kInt},
                                                               {"I16", at::kShort},
                                                               {"I8", at::kChar},
                                                               {"U8", at::kByte},
                                                               {"BOOL", at::kBool}};
  return kTypes;
}

std::optional<at::ScalarType> dtype_from_name(const std::string& name) {
  const auto found = dtypes().find(name);
  if (found == dtypes().end()) return std::nullopt;
  return found->second;
}

SafetensorsFile::Entry read_entry(const JsonObject& field, const std::string& where, uint64_t data_begin,
                                  uint64_t data_size) {
  const auto dtype_name = field.get<std::string>("dtype");
  const auto dtype = dtype_from_name(dtype_name);
  if (!dtype) throw ConfigError(cat(where, " has the unknown dtype '", dtype_name, "'"));
  SafetensorsFile::Entry entry{*dtype, {}};
  uint64_t bytes = at::elementSize(*dtype);
  if (!field.at("shape").is_array())
    throw ConfigError(cat(where, " has the shape ", field.at("shape").dump()));
  for (const Json& size : field.at("shape")) {
    if (!size.is_number_unsigned())
      throw ConfigError(cat(where, " has the shape ", field.at("shape").dump()));
    const auto extent = size.get<uint64_t>();
    if (extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
        __builtin_mul_overflow(bytes, extent, &bytes)) {
      throw ConfigError(cat(where, " has the shape ", field.at("shape").dump(), ", too large to be true"),
                        kFetchAgain);
    }
    entry.shape.push_back(static_cast<int64_t>(extent));
  }
  const Json& offsets = field.at("data_offsets");
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    throw ConfigError(cat(where, " has the data_offsets ", offsets.dump(), ", two whole numbers are needed"));
  }
  const auto begin = offsets[0].get<uint64_t>();
  const auto end = offsets[1].get<uint64_t>();
  if (begin > end || end > data_size) {
    throw ConfigError(
        cat(where, " lies at bytes ", begin, " to ", end, ", the file has ", data_size, " bytes of data"),
        kFetchAgain);
  }
  if (end - begin != bytes) {
    throw ConfigError(cat(where, " has ", end - begin, " bytes, shape ", field.at("shape").dump(), " of ",
                          dtype_name, " needs ", bytes),
                      kFetchAgain);
  }
  entry.begin = data_begin + begin;
  entry.end = data_begin + end;
  return entry;
}

}  // namespace

std::string dtype_name(at::ScalarType dtype) {
  for (const auto& [name, type] : dtypes()) {
    if (type == dtype) return name;
  }
  return at::toString(dtype);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::string name = path.string();
  uint64_t header_size = 0;
  if (file_.size_bytes() < sizeof header_size) {
    throw ConfigError(cat(name, " has ", file_.size_bytes(), " bytes, no safetensors file is that short"),
                      kFetchAgain);
  }
  std::memcpy(&header_size, file_.data(), sizeof header_size);
  const uint64_t room = file_.size_bytes() - sizeof header_size;
  if (header_size > kMaxHeaderBytes || header_size > room) {
    throw ConfigError(cat(name, " says its header has ", header_size, " bytes, at most ",
                          std::min(room, kMaxHeaderBytes), " are possible"),
                      "it is not a safetensors file, or cut short: fetch it again");
  }
  const std::string_view header(reinterpret_cast<const char*>(file_.data()) + sizeof header_size,
                                static_cast<size_t>(header_size));
  const JsonObject fields(parse_json(header, name + " (header)"), name);
  for (const auto& [tensor, field] : fields.json().items()) {
    if (tensor == "__metadata__") continue;
    const std::string where = cat(name, ": tensor '", tensor, "'");
    entries_.emplace(tensor, read_entry(JsonObject(field, where), where, sizeof header_size + header_size,
                                        room - header_size));
  }

  // Every byte belongs to one tensor: an overlap or a hole means a forged or broken file.
  std::vector<std::pair<const std::string*, const Entry*>> in_order;
  for (const auto& [tensor, entry] : entries_) in_order.emplace_back(&tensor, &entry);
  std::sort(in_order.begin(), in_order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  uint64_t expected = sizeof header_size + header_size;
  for (const auto& [tensor, entry] : in_order) {
    if (entry->begin != expected) {
      throw ConfigError(cat(name, ": tensor '", *tensor, "' begins at byte ", entry->begin, ", ",
                            entry->begin < expected ? "inside the tensor before it, which ends at "
                                                    : "after a hole, the tensor before it ends at ",
                            expected),
                        kFetchAgain);
    }
    expected = entry->end;
  }
  if (expected != file_.size_bytes()) {
    throw ConfigError(cat(name, " has ", file_.size_bytes(), " bytes, its tensors end at ", expected),
                      kFetchAgain);
  }
}

at::Tensor SafetensorsFile::view(const Entry& entry) const {
  // LibTorch has no read-only tensors; the mapping is read-only, so a write would end the process.
  auto* bytes = const_cast<uint8_t*>(file_.data() + entry.begin);
  return at::from_blob(bytes, entry.shape, at::TensorOptions(entry.dtype));
}

void SafetensorsFile::forget(const Entry& entry) const noexcept {
  file_.forget(file_.data() + entry.begin, static_cast<size_t>(entry.end - entry.begin));
}

}  // namespace ditmesh

#include "ditmesh/model/checkpoint.hpp"

#include <ATen/ops/narrow.h>

#include <set>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

bool has_pickled_weights(const std::filesystem::path& folder) {
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const auto extension = file.path().extension();
    if (extension == ".bin" || extension == ".pt" || extension == ".ckpt" || extension == ".pth") return true;
  }
  return false;
}

}  // namespace

Checkpoint::Checkpoint(const std::filesystem::path& folder, OnTensor on_tensor)
    : folder_(folder), on_tensor_(std::move(on_tensor)) {
  if (!std::filesystem::is_directory(folder)) {
    throw ConfigError(cat("the model folder has no ", folder),
                      "is it a diffusers folder, and is it complete?");
  }
  for (const std::string stem : {"diffusion_pytorch_model", "model"}) {
    const auto single = folder / (stem + ".safetensors");
    const auto index = folder / (stem + ".safetensors.index.json");
    if (std::filesystem::exists(index)) {
      const JsonObject map = JsonObject::read(index);
      const JsonObject weights(map.at("weight_map"), index.string() + ": weight_map");
      std::set<std::string> names;
      for (const auto& [tensor, file] : weights.json().items()) {
        names.insert(weights.get<std::string>(tensor));
      }
      for (const std::string& name : names) add(folder / name);
      for (const auto& [tensor, file] : weights.json().items()) {
        if (!has(tensor)) {
          throw ConfigError(cat(index.string(), " promises the tensor '", tensor, "' in ", file.dump(),
                                ", it is not there"),
                            "the folder is incomplete, fetch it again");
        }
      }
      return;
    }
    if (std::filesystem::exists(single)) {
      add(single);
      return;
    }
  }
  throw ConfigError(
      cat(folder.string(), " has no safetensors file"),
      has_pickled_weights(folder)
          ? "its weights are pickled, which ditmesh never reads: save them with "
            "save_pretrained(…, safe_serialization=True)"
          : "expected diffusion_pytorch_model.safetensors or model.safetensors, or the same with "
            ".index.json");
}

void Checkpoint::add(const std::filesystem::path& path) {
  const auto& file = files_.emplace_back(std::make_unique<SafetensorsFile>(path));
  for (const auto& [name, entry] : file->entries()) {
    if (!tensors_.emplace(name, Place{file.get(), &entry}).second) {
      throw ConfigError(
          cat("tensor '", name, "' is in two files of ", folder_.string(), ", one of them ", path.filename()),
          "remove the files that the index does not name");
    }
  }
}

void Checkpoint::read(const std::string& name, at::IntArrayRef shape, const WeightSlice& slice,
                      at::Tensor out) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw ConfigError(cat(folder_.string(), " has no tensor '", name, "'"),
                      "the config does not fit the weights, or the folder is incomplete");
  }
  const auto& [file, entry] = found->second;
  if (at::IntArrayRef(entry->shape) != shape) {
    throw ConfigError(cat(file->path().string(), ": tensor '", name, "' must have the shape [",
                          join(shape, ", "), "] by the config, found [", join(entry->shape, ", "), "]"),
                      "config.json and weights are of different models");
  }
  if (entry->dtype != at::kFloat && entry->dtype != at::kHalf && entry->dtype != at::kBFloat16 &&
      entry->dtype != at::kDouble) {
    throw ConfigError(cat(file->path().string(), ": tensor '", name,
                          "' must be F32, F16, BF16 or F64, found ", dtype_name(entry->dtype)),
                      "quantised checkpoints are not read, take the original one");
  }
  if (out.is_meta()) return;  // a check of names, shapes and dtypes
  if (on_tensor_) on_tensor_();
  const at::Tensor source = file->view(*entry);
  if (slice.runs.empty()) {
    out.copy_(source);
  } else {
    int64_t place = 0;
    for (const Range& run : slice.runs) {
      out.narrow(slice.dimension, place, run.size())
          .copy_(source.narrow(slice.dimension, run.begin, run.size()));
      place += run.size();
    }
  }
  file->forget(*entry);
}

uint64_t Checkpoint::size_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [name, place] : tensors_) bytes += place.entry->end - place.entry->begin;
  return bytes;
}

std::string Checkpoint::fingerprint() const {
  Sha256 hash;
  for (const auto& [name, place] : tensors_) {
    hash.update(cat(name, ' ', dtype_name(place.entry->dtype), ' ', join(place.entry->shape, "x"), '\n'));
  }
  for (const auto& file : files_) {
    hash.update(cat(file->path().filename().string(), ' ', std::filesystem::file_size(file->path()), '\n'));
  }
  return hash.hex_digest();
}

}  // namespace ditmesh

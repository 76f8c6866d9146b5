#pragma once
// The weights of one component of a diffusers folder.

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "ditmesh/model/safetensors.hpp"
#include "ditmesh/parallel/weight_source.hpp"

namespace ditmesh {

/// STEM.safetensors, or STEM.safetensors.index.json with its shards; STEM is
/// `diffusion_pytorch_model` or `model`. Nothing is ever unpickled: a folder
/// that has only .bin files is a ConfigError that says so.
class Checkpoint final : public WeightSource {
 public:
  explicit Checkpoint(const std::filesystem::path& folder, OnTensor on_tensor = {});

  bool has(const std::string& name) const override { return tensors_.contains(name); }
  void read(const std::string& name, at::IntArrayRef shape, const WeightSlice& slice,
            at::Tensor out) override;

  /// Bytes of all tensors.
  uint64_t size_bytes() const;
  /// SHA-256 of names, dtypes, shapes and file sizes: tells models apart without reading all weights.
  std::string fingerprint() const;

 private:
  struct Place {
    const SafetensorsFile* file;
    const SafetensorsFile::Entry* entry;
  };

  void add(const std::filesystem::path& path);

  std::filesystem::path folder_;
  OnTensor on_tensor_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Place> tensors_;
};

}  // namespace ditmesh

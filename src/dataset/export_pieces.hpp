#pragma once
// One piece of an export, in each format. All of them leave a whole piece under its name, or none.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/export.hpp"
#include "export_source.hpp"

namespace ditmesh {

/// What a piece of any format is made of.
struct PieceContent {
  ExportSource& source;
  std::span<const uint32_t> rows;  // of the index
  bool with_copy = false;          // names end in -COPY
  const ExportProgress& progress;

  /// The name that `encode` makes of the sample's id, and its copy.
  std::string name_of(const Sample& sample, std::string (*encode)(const std::string&)) const;
  void tell(int64_t num_written) const;
};

/// PNG files in `folder`, and a line of JSON for each in the file `metadata`, which calls them
/// PREFIX/NAME.png.
PieceResult write_png_piece(const PieceContent& content, const std::filesystem::path& folder,
                            const std::string& prefix, const std::filesystem::path& metadata);

/// KEY.png (or .webp, .jpg, as the dataset holds them), KEY.txt with the prompt, KEY.json with the metadata.
PieceResult write_tar_piece(const PieceContent& content, const std::filesystem::path& path);

/// A file by itself, laid out as an index with the pictures in it. `about`: what its attribute `export` says
/// besides the counts.
PieceResult write_hdf5_piece(const PieceContent& content, const std::filesystem::path& path,
                             const OrderedJson& about);

}  // namespace ditmesh

#pragma once
// Datasets as other tools want them.
//
// TO/
//   export.json       settings, the source's content hash, counts; "complete" at the end
//   [SPLIT/]…         the export: only once all of it is there
//   .export/          until then: what is finished, so that the same command goes on
//
// HDF5 without splits is one file TO, which says in its attribute `export` what export.json says.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/contact_sheet.hpp"
#include "ditmesh/dataset/export_plan.hpp"
#include "ditmesh/dataset/export_settings.hpp"

namespace ditmesh {

/// What became of the samples of a piece.
struct PieceResult {
  int64_t num_written = 0;
  int64_t num_unreadable = 0;    // unverified only
  std::string first_unreadable;  // names the sample

  void add(const PieceResult& other);
  OrderedJson to_json() const;
  static PieceResult from_json(const Json& json);
  bool operator==(const PieceResult&) const = default;
};

/// Called after each picture with the number written so far, of this piece.
using ExportProgress = std::function<void(int64_t)>;

/// Whether an export may begin. Throws ConfigError if `to` is inside of the dataset, or a job is still to
/// finish the dataset (a `path` without an index, whatever `is_verified`), and if `is_verified`, also if a
/// shard of it is not there or not in the index (EnvironmentError).
void check_export(const std::filesystem::path& path, const std::filesystem::path& to, bool is_verified);

/// One rank's view of an export. The ranks make one each, of the same arguments; then rank 0 calls begin(),
/// the pieces that it returns are written by any ranks in any order, and rank 0 calls finish(). The files
/// that come out depend on neither.
class Export {
 public:
  /// Throws ConfigError if `path` (OUTPUT or OUTPUT/dataset.h5) is no dataset, or for settings that cannot
  /// work.
  Export(std::filesystem::path path, std::filesystem::path to, ExportSettings settings);
  ~Export();
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;

  const ExportPlan& plan() const;

  /// Makes TO, or goes on in it: indices of the pieces that are not there yet. Throws ConfigError if TO holds
  /// something else, or an export of other settings or another dataset.
  std::vector<size_t> begin();
  /// What begin() found finished.
  bool is_complete() const;

  /// That all ranks must see, once it has begun; empty if one rank writes all there is.
  std::filesystem::path shared_folder() const;

  /// Throws EnvironmentError if a picture is not what its hash says (unless unverified), or the disk is full.
  PieceResult write_piece(size_t piece, const ExportProgress& progress = {});

  /// Puts everything in its place; all pieces are written. What the pieces have written, over all attempts.
  PieceResult finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same by one process alone.
PieceResult export_dataset(const std::filesystem::path& path, const std::filesystem::path& to,
                           const ExportSettings& settings, const ExportProgress& progress = {});

struct SheetExport {
  ContactSheet sheet;
  ExportPlan plan;
  PieceResult result;
};

/// One PNG file. Throws ConfigError if nothing is done, or TO is a folder; the rest as Export.
SheetExport export_contact_sheet(const std::filesystem::path& path, const std::filesystem::path& to,
                                 const ExportSettings& settings, const ContactSheetOptions& options = {});

}  // namespace ditmesh

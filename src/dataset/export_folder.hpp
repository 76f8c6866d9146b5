#pragma once
// TO while an export is made: what is finished, and how it gets to its place in the end.
//
// TO/.export/tree/[SPLIT/]…      the pieces, as they will stand in TO
// TO/.export/metadata/NAME       of each piece of a PNG export, its lines
// TO/.export/finished/NAME       one for each piece that is there: its counts
// TO/.export/ready               all is there; files move to TO

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/export.hpp"

namespace ditmesh {

/// What an export of these settings says of its source, for export.json.
struct ExportIdentity {
  OrderedJson settings;
  OrderedJson source;  // content_hash, num_samples, image_format

  OrderedJson to_json() const { return {{"settings", settings}, {"source", source}}; }
  /// Throws ConfigError naming the difference if `found`, of to_json(), is another one. `to`: where it
  /// stands.
  void require_same(const Json& found, const std::filesystem::path& to) const;
};

class ExportFolder {
 public:
  explicit ExportFolder(std::filesystem::path to) : to_(std::move(to)) {}

  /// Makes the folder, or checks that it is ours: the names of the pieces that are finished. Throws
  /// ConfigError if it is something else or another export.
  std::set<std::string> begin(const ExportIdentity& identity);
  /// The counts of export.json, if begin() found that the export is complete.
  const std::optional<PieceResult>& complete() const { return complete_; }

  /// TO/.export
  std::filesystem::path work() const { return to_ / ".export"; }
  /// Where the pieces of a split stand until the export is whole; the folder is made.
  std::filesystem::path tree(const std::string& split) const;
  std::filesystem::path metadata(const std::string& piece) const { return work() / "metadata" / piece; }

  void set_finished(const std::string& piece, const PieceResult& result) const;
  PieceResult finished(const std::string& piece) const;

  /// Joins the metadata of pieces to a split's metadata.jsonl.
  void join_metadata(const std::string& split, const std::vector<std::string>& pieces) const;

  bool is_ready() const { return std::filesystem::exists(work() / "ready"); }
  void set_ready() const;
  /// Moves what is in tree() to TO, those of `names` that have not been moved yet; then writes export.json.
  void move(const std::vector<std::string>& names, const OrderedJson& description) const;

 private:
  std::filesystem::path json() const { return to_ / "export.json"; }

  std::filesystem::path to_;
  std::optional<PieceResult> complete_;
};

}  // namespace ditmesh

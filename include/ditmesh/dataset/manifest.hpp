#pragma once
// The manifest: what to generate, one row per prompt, as the user wrote it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ditmesh {

/// Longest id, in bytes of UTF-8.
inline constexpr size_t kMaxIdBytes = 256;

/// What is known of the manifest of an earlier job, for --extend.
struct OlderManifest {
  int64_t num_rows = 0;
  std::string rows_sha256;  // as in ManifestInfo
};

struct ManifestOptions {
  /// The column that holds the prompt; empty: `prompt`, `caption` or `text`.
  std::string prompt_column;
  /// Rows to read at most; those behind are not looked at.
  std::optional<int64_t> limit;
  /// Asks whether the rows begin with those of this one: ManifestInfo::extends_older.
  std::optional<OlderManifest> older = {};
};

/// One row. A cell that is empty or absent takes the job's default.
struct ManifestRow {
  std::string id;  // empty: the row number
  std::string prompt;
  std::string negative_prompt;
  std::optional<uint64_t> seed;
  std::optional<int32_t> height;  // pixels
  std::optional<int32_t> width;   // pixels
  std::optional<int32_t> steps;
  std::optional<float> guidance;
  std::optional<float> true_cfg;
  /// Cells of ManifestInfo::further_columns; may be shorter, the rest is empty.
  std::vector<std::string> further;

  bool operator==(const ManifestRow&) const = default;
};

/// What is known of a manifest when all its rows have gone by.
struct ManifestInfo {
  std::string name;  // for messages: path, "standard input" or "--prompt"
  int64_t num_rows = 0;
  int64_t num_blank_lines = 0;
  std::vector<std::string> further_columns;  // in order of first appearance
  /// SHA-256 of the file (of standard input: of the lines read).
  std::string sha256;
  /// SHA-256 of the rows read as they are understood: it does not change with the format of the file, the
  /// order of its columns, its blank lines or cells that are empty. What it is made of: rows_hash.hpp.
  std::string rows_sha256;
  /// The rows begin with those of ManifestOptions::older.
  bool extends_older = false;
};

/// Takes the rows of a manifest, one after the other.
class ManifestSink {
 public:
  virtual ~ManifestSink() = default;
  /// `number`: 0, 1, 2 … The row is the sink's only during the call.
  virtual void add(const ManifestRow& row, int64_t number) = 0;
  /// That was the last row.
  virtual void finish(const std::vector<std::string>& further_columns) = 0;
  /// The id of a row, its own or its number. Asked after finish(), for few rows: two whose ids may be equal.
  virtual std::string id(int64_t number) = 0;
};

/// Reads `.txt` (a prompt a line), `.csv` and `.tsv` (header, RFC 4180 quotes)
/// or `.jsonl` (an object a line); "-" is standard input: JSON lines if its
/// first character is '{', else a prompt a line. Keeps no row: 16 bytes of each
/// where there are ids, to find those that stand there twice.
///
/// Known columns: id, prompt, negative_prompt, seed, height, width, steps,
/// guidance, true_cfg, and what other tools call them (caption, text, negative,
/// num_inference_steps, num_steps, guidance_scale, cfg, cfg_scale,
/// true_cfg_scale), in upper or lower case. Others are carried as text.
/// Byte order mark and CRLF are accepted; a line end inside quotes is "\n".
///
/// Throws ConfigError with line, column and value for whatever cannot be used.
ManifestInfo read_manifest(const std::string& path, const ManifestOptions& options, ManifestSink& sink);

/// The manifest of `--prompt A --prompt B`: what a .txt file of these lines gives.
ManifestInfo read_prompts(const std::vector<std::string>& prompts, const ManifestOptions& options,
                          ManifestSink& sink);

/// A manifest in memory: for tests and a few rows.
struct Manifest : ManifestInfo {
  std::vector<ManifestRow> rows;

  /// The id of a row: its own, or its number (from 0).
  std::string id(int64_t row) const;
};

Manifest read_manifest(const std::string& path, const ManifestOptions& options = {});
Manifest manifest_from_prompts(const std::vector<std::string>& prompts);

}  // namespace ditmesh

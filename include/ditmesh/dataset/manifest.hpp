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

struct ManifestOptions {
  /// The column that holds the prompt; empty: `prompt`, `caption` or `text`.
  std::string prompt_column;
  /// Rows to read at most; those behind are not looked at.
  std::optional<int64_t> limit;
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
  /// Cells of `Manifest::further_columns`; may be shorter, the rest is empty.
  std::vector<std::string> further;

  bool operator==(const ManifestRow&) const = default;
};

struct Manifest {
  std::string name;  // for messages: path, "standard input" or "--prompt"
  std::vector<ManifestRow> rows;
  std::vector<std::string> further_columns;  // in order of first appearance
  int64_t num_blank_lines = 0;
  /// SHA-256 of the file (of standard input: of the lines read).
  std::string sha256;

  /// The id of a row: its own, or its number (from 0).
  std::string id(int64_t row) const;
};

/// Reads `.txt` (a prompt a line), `.csv` and `.tsv` (header, RFC 4180 quotes)
/// or `.jsonl` (an object a line); "-" is standard input: JSON lines if its
/// first character is '{', else a prompt a line.
///
/// Known columns: id, prompt, negative_prompt, seed, height, width, steps,
/// guidance, true_cfg, and what other tools call them (caption, text, negative,
/// num_inference_steps, num_steps, guidance_scale, cfg, cfg_scale,
/// true_cfg_scale), in upper or lower case. Others are carried as text.
/// Byte order mark and CRLF are accepted; a line end inside quotes is "\n".
///
/// Throws ConfigError with line, column and value for whatever cannot be used.
Manifest read_manifest(const std::string& path, const ManifestOptions& options = {});

/// The manifest of `--prompt A --prompt B`: what a .txt file of these lines gives.
Manifest manifest_from_prompts(const std::vector<std::string>& prompts);

}  // namespace ditmesh

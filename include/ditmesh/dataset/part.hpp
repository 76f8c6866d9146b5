#pragma once
// `--part I/N`: a job that makes only some shards of a dataset.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// The shards whose number modulo `count` is `index`; 0/1 is the whole dataset.
struct Part {
  int64_t index = 0;
  int64_t count = 1;

  /// "2/8". Throws ConfigError unless 0 ≤ I < N.
  static Part parse(std::string_view text);

  bool is_whole() const { return count == 1; }
  /// "part-2-of-8", in the names of files; empty for the whole.
  std::string label() const;
  /// The part with this label; nothing for other texts, the empty one too.
  static std::optional<Part> of_label(std::string_view label);

  /// "job.json", and of part 2 of 8 "job.part-2-of-8.json", for the extension ".json".
  std::string file_name(std::string_view extension) const;
  /// The part whose file has this name; nothing for other names.
  static std::optional<Part> of_file_name(std::string_view name, std::string_view extension);

  auto operator<=>(const Part&) const = default;
};

/// "part 2/8", or "the whole dataset".
std::ostream& operator<<(std::ostream& out, const Part& part);

/// The parts that have a file with this extension in the folder, sorted.
std::vector<Part> parts_with_file(const std::filesystem::path& output, std::string_view extension);

}  // namespace ditmesh

#include "ditmesh/dataset/part.hpp"

#include <algorithm>
#include <ostream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

Part Part::parse(std::string_view text) {
  const auto numbers = split(text, '/');
  const auto index = parse_int(numbers.front());
  const auto count = parse_int(numbers.back());
  if (numbers.size() != 2 || !index || !count || *index < 0 || *index >= *count) {
    throw ConfigError(cat("--part ", text, " is not I/N with 0 <= I < N"),
                      "give for example --part 0/8 to --part 7/8");
  }
  return {*index, *count};
}

std::string Part::label() const { return is_whole() ? std::string() : cat("part-", index, "-of-", count); }

std::optional<Part> Part::of_label(std::string_view label) {
  constexpr std::string_view kBegin = "part-";
  constexpr std::string_view kOf = "-of-";
  const size_t of = label.find(kOf);
  if (!label.starts_with(kBegin) || of == std::string_view::npos || of < kBegin.size()) return std::nullopt;
  const auto index = parse_int(label.substr(kBegin.size(), of - kBegin.size()));
  const auto count = parse_int(label.substr(of + kOf.size()));
  if (!index || !count || *index < 0 || *index >= *count || *count < 2) return std::nullopt;
  return Part{*index, *count};
}

std::string Part::file_name(std::string_view extension) const {
  return is_whole() ? cat("job", extension) : cat("job.", label(), extension);
}

std::optional<Part> Part::of_file_name(std::string_view name, std::string_view extension) {
  constexpr std::string_view kBegin = "job.";
  if (name == cat("job", extension)) return Part{};
  if (!name.starts_with(kBegin) || !name.ends_with(extension) ||
      name.size() < kBegin.size() + extension.size())
    return std::nullopt;
  name.remove_prefix(kBegin.size());
  name.remove_suffix(extension.size());
  return of_label(name);
}

std::ostream& operator<<(std::ostream& out, const Part& part) {
  if (part.is_whole()) return out << "the whole dataset";
  return out << "part " << part.index << "/" << part.count;
}

std::vector<Part> parts_with_file(const std::filesystem::path& output, std::string_view extension) {
  std::vector<Part> parts;
  std::error_code none_if_not_there;
  for (const auto& file : std::filesystem::directory_iterator(output, none_if_not_there)) {
    if (const auto part = Part::of_file_name(file.path().filename().string(), extension))
      parts.push_back(*part);
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

}  // namespace ditmesh

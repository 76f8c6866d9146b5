#include "line_reader.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"

namespace ditmesh {

LineReader::LineReader(const std::string& path)
    : name_(path == "-" ? "standard input" : path), in_(path == "-" ? &std::cin : &file_) {
  if (path == "-") return;
  if (std::filesystem::is_directory(path)) {
    throw ConfigError(cat(path, " is a folder"), "a manifest is a .txt, .csv, .tsv or .jsonl file");
  }
  errno = 0;
  file_.open(path, std::ios::binary);
  if (!file_) {
    throw ConfigError(cat("cannot read the manifest ", path, ": ", std::strerror(errno)),
                      "check the path and its permissions");
  }
}

bool LineReader::next(std::string& line) {
  if (!std::getline(*in_, line)) {
    if (in_->bad()) {
      throw EnvironmentError(cat(name_, ": reading failed after line ", line_number_),
                             "check the file system");
    }
    return false;
  }
  ++line_number_;
  hash_line(line);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (const auto invalid = find_invalid_utf8(line)) {
    throw ConfigError(cat(name_, ": line ", line_number_, ": text must be UTF-8, byte ", *invalid + 1,
                          " of the line is not"),
                      "save the file as UTF-8");
  }
  if (const size_t nul = line.find('\0'); nul != std::string::npos) {
    throw ConfigError(cat(name_, ": line ", line_number_, ": byte ", nul + 1, " of the line is NUL"),
                      "save the file as UTF-8 text");
  }
  if (line_number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  return true;
}

std::string LineReader::finish_sha256() {
  std::string line;
  if (in_ == &file_) {
    while (std::getline(*in_, line)) hash_line(line);
  }
  return hash_.hex_digest();
}

void LineReader::hash_line(const std::string& line) {
  hash_.update(line);
  // getline does not tell whether the last line had an end.
  if (!in_->eof()) hash_.update("\n");
}

}  // namespace ditmesh

#include "line_reader.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"

namespace ditmesh {

namespace {

constexpr size_t kUnhashedBytes = size_t{1} << 16;

// Most lines are: they need no closer look.
bool is_ascii_without_nul(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  constexpr uint64_t kOnes = 0x0101010101010101;
  uint64_t found = 0;
  const auto look_at = [&](uint64_t bytes) { found |= bytes | (bytes - kOnes); };  // a NUL borrows
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= text.size(); at += sizeof(uint64_t)) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    look_at(bytes);
  }
  uint64_t rest = kOnes;
  std::memcpy(&rest, text.data() + at, text.size() - at);
  look_at(rest);
  return (found & kHighBits) == 0;
}

}  // namespace

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
  if (is_ascii_without_nul(line)) return true;
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
  hash_.update(unhashed_);
  return hash_.hex_digest();
}

void LineReader::hash_line(const std::string& line) {
  unhashed_ += line;
  // getline does not tell whether the last line had an end.
  if (!in_->eof()) unhashed_ += '\n';
  if (unhashed_.size() < kUnhashedBytes) return;
  hash_.update(unhashed_);
  unhashed_.clear();
}

}  // namespace ditmesh

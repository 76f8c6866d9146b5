#include "journal_count.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace ditmesh {

namespace {

// As journal.cpp has it: a line, then records of a length, so many bytes, and a checksum.
constexpr int64_t kChecksumBytes = 8;
constexpr int64_t kMaxPayloadBytes = int64_t{1} << 34;
constexpr size_t kMaxLineBytes = 64;

}  // namespace

int64_t count_journal_records(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string begin(kMaxLineBytes, '\0');
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<size_t>(in.gcount()));
  in.clear();
  in.seekg(0, std::ios::end);
  const auto file_size = static_cast<int64_t>(in.tellg());
  const size_t line_end = begin.find('\n');
  if (line_end == std::string::npos) return 0;

  int64_t count = 0;
  auto offset = static_cast<int64_t>(line_end) + 1;
  while (true) {
    int64_t size = 0;
    in.seekg(offset);
    if (!in.read(reinterpret_cast<char*>(&size), sizeof(size))) return count;
    if (size < 0 || size > kMaxPayloadBytes) return count;
    offset += static_cast<int64_t>(sizeof(size)) + size + kChecksumBytes;
    if (offset > file_size) return count;
    ++count;
  }
}

}  // namespace ditmesh

#include "ditmesh/base/checked_record.hpp"

#include <algorithm>
#include <array>
#include <istream>

#include "ditmesh/base/hash.hpp"

namespace ditmesh {

namespace {

constexpr size_t kChecksumBytes = 8;
static_assert(kCheckedRecordBytes == sizeof(uint64_t) + kChecksumBytes);

std::array<char, kChecksumBytes> checksum(std::string_view payload) {
  Sha256 hash;
  hash.update(payload);
  const auto digest = hash.digest();
  std::array<char, kChecksumBytes> first{};
  std::copy_n(digest.begin(), kChecksumBytes, first.begin());
  return first;
}

}  // namespace

void append_checked_record(std::string& bytes, std::string_view payload) {
  const uint64_t size = payload.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += payload;
  bytes.append(checksum(payload).data(), kChecksumBytes);
}

std::optional<uint64_t> size_of_checked_record(std::istream& in, uint64_t bytes_left) {
  uint64_t size = 0;
  if (bytes_left < kCheckedRecordBytes || !in.read(reinterpret_cast<char*>(&size), sizeof size) ||
      size > bytes_left - kCheckedRecordBytes) {
    return std::nullopt;
  }
  return size + kCheckedRecordBytes;
}

std::optional<std::string> read_checked_record(std::istream& in, uint64_t bytes_left) {
  const auto size = size_of_checked_record(in, bytes_left);
  if (!size) return std::nullopt;
  std::string payload(*size - kCheckedRecordBytes, '\0');
  std::array<char, kChecksumBytes> written{};
  if (!in.read(payload.data(), static_cast<std::streamsize>(payload.size()))) return std::nullopt;
  if (!in.read(written.data(), kChecksumBytes) || checksum(payload) != written) return std::nullopt;
  return payload;
}

}  // namespace ditmesh

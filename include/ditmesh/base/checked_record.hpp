#pragma once
// Records of a file that a crash may cut anywhere: size of the payload (uint64, little-endian) | payload |
// first 8 bytes of its SHA-256.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace ditmesh {

/// What a record has beside its payload.
inline constexpr uint64_t kCheckedRecordBytes = 16;

void append_checked_record(std::string& bytes, std::string_view payload);

/// The payload of the record at the reading position, if it is whole; `bytes_left` of the file.
std::optional<std::string> read_checked_record(std::istream& in, uint64_t bytes_left);

/// The size of the whole record at the reading position, without a look at its checksum; nothing if it does
/// not end within `bytes_left`.
std::optional<uint64_t> size_of_checked_record(std::istream& in, uint64_t bytes_left);

}  // namespace ditmesh

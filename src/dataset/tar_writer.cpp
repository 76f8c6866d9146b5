#include "ditmesh/dataset/tar_writer.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "temporary_file.hpp"

namespace ditmesh {

namespace {

constexpr size_t kBlockBytes = 512;
constexpr size_t kRecordBytes = 20 * kBlockBytes;
constexpr size_t kNameBytes = 100;
constexpr uint64_t kMaxMemberBytes = uint64_t{1} << 33U;  // 11 octal digits

struct Header {
  std::array<char, kNameBytes> name;
  std::array<char, 8> mode;
  std::array<char, 8> user;
  std::array<char, 8> group;
  std::array<char, 12> size;
  std::array<char, 12> time;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 6> magic;
  std::array<char, 2> version;
  std::array<char, 32> user_name;
  std::array<char, 32> group_name;
  std::array<char, 8> device_major;
  std::array<char, 8> device_minor;
  std::array<char, 155> prefix;
  std::array<char, 12> padding;
};
static_assert(sizeof(Header) == kBlockBytes);

// Octal digits and a NUL.
template <size_t size>
void put_octal(std::array<char, size>& field, uint64_t value) {
  std::snprintf(field.data(), size, "%0*llo", static_cast<int>(size - 1),
                static_cast<unsigned long long>(value));
}

// "27 path=" and so on: the length counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;  // blank, '=', line end
  size_t length = rest;
  while (length != rest + std::to_string(length).size()) length = rest + std::to_string(length).size();
  return cat(length, ' ', key, '=', value, '\n');
}

}  // namespace

TarWriter::TarWriter(std::filesystem::path path)
    : path_(std::move(path)),
      temporary_(std::make_unique<TemporaryFile>(path_.string() + ".tmp")),
      out_(temporary_->path(), std::ios::binary | std::ios::trunc) {
  write({});
}

TarWriter::~TarWriter() = default;

void TarWriter::add(std::string_view name, std::string_view content) {
  if (content.size() >= kMaxMemberBytes)
    throw InternalError(cat("the tar member ", name, " has ", content.size(), " bytes, ustar takes 8 GiB"));
  if (name.size() > kNameBytes) add_member("PaxHeaders/long-name", 'x', pax_record("path", name));
  add_member(name.substr(0, kNameBytes), '0', content);
}

void TarWriter::add_member(std::string_view name, char type, std::string_view content) {
  Header header{};
  name.copy(header.name.data(), header.name.size());
  put_octal(header.mode, 0644);
  put_octal(header.user, 0);
  put_octal(header.group, 0);
  put_octal(header.size, content.size());
  put_octal(header.time, 0);
  header.type = type;
  std::memcpy(header.magic.data(), "ustar", header.magic.size());
  header.version.fill('0');
  put_octal(header.device_major, 0);
  put_octal(header.device_minor, 0);
  header.checksum.fill(' ');
  std::array<unsigned char, kBlockBytes> bytes{};
  std::memcpy(bytes.data(), &header, bytes.size());
  unsigned sum = 0;
  for (const unsigned char byte : bytes) sum += byte;
  std::snprintf(header.checksum.data(), header.checksum.size(), "%06o", sum);  // a NUL, and the blank stays
  write({reinterpret_cast<const char*>(&header), sizeof(header)});
  write(content);
  write(std::string((kBlockBytes - content.size() % kBlockBytes) % kBlockBytes, '\0'));
}

void TarWriter::finish() {
  const uint64_t with_end = num_bytes_ + 2 * kBlockBytes;
  write(std::string(2 * kBlockBytes + (kRecordBytes - with_end % kRecordBytes) % kRecordBytes, '\0'));
  out_.close();
  write({});
  temporary_->rename_to(path_);
}

void TarWriter::write(std::string_view bytes) {
  if (out_.is_open()) out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out_) {
    throw EnvironmentError(cat("cannot write ", temporary_->path(), ": ", std::strerror(errno)),
                           "check the path, its permissions and the free space");
  }
  num_bytes_ += bytes.size();
}

}  // namespace ditmesh

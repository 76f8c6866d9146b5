#include "ditmesh/dataset/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <tuple>
#include <utility>

#include "ditmesh/base/checked_record.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"

// The file: kMagic, then checked records (base/checked_record.hpp). Payload, little-endian without gaps:
// Head, error text, pixels, latents.

namespace ditmesh {

namespace {

constexpr std::string_view kMagic = "ditmesh journal 1\n";

struct Head {
  int64_t row = 0;
  int64_t position = 0;
  int32_t copy = 0;
  int32_t status = 0;
  int32_t height = 0;
  int32_t width = 0;
  int32_t latent_channels = 0;
  int32_t latent_height = 0;
  int32_t latent_width = 0;
  float device_seconds = 0;
  int32_t attempt = 0;
  int32_t unused = 0;
  uint64_t error_bytes = 0;

  uint64_t pixel_bytes() const { return static_cast<uint64_t>(height) * static_cast<uint64_t>(width) * 3; }
  uint64_t latent_bytes() const {
    return static_cast<uint64_t>(latent_channels) * static_cast<uint64_t>(latent_height) *
           static_cast<uint64_t>(latent_width) * sizeof(float);
  }
};
static_assert(sizeof(Head) == 64, "Head is written as it stands in memory: it must have no gaps");

template <typename T>
void append_bytes(std::string& bytes, const T* from, size_t count) {
  bytes.append(reinterpret_cast<const char*>(from), count * sizeof(T));
}

std::string payload_of(const JournalRecord& record) {
  Head head;
  head.row = record.row;
  head.position = record.position;
  head.copy = record.copy;
  head.status = static_cast<int32_t>(record.status);
  head.height = record.image.height;
  head.width = record.image.width;
  head.device_seconds = record.device_seconds;
  head.attempt = record.attempt;
  head.error_bytes = record.error.size();
  if (record.latents) {
    head.latent_channels = record.latents->channels;
    head.latent_height = record.latents->height;
    head.latent_width = record.latents->width;
  }
  const size_t num_values = record.latents ? record.latents->values.size() : 0;
  if (record.image.pixels.size() != head.pixel_bytes() || num_values * sizeof(float) != head.latent_bytes()) {
    throw InternalError(cat("the record of row ", record.row, " holds ", record.image.pixels.size(),
                            " pixel bytes and ", num_values, " latents, its shapes say ", head.pixel_bytes(),
                            " and ", head.latent_bytes() / sizeof(float)));
  }
  std::string bytes;
  bytes.reserve(sizeof(Head) + record.error.size() + head.pixel_bytes() + head.latent_bytes());
  append_bytes(bytes, &head, 1);
  bytes += record.error;
  append_bytes(bytes, record.image.pixels.data(), record.image.pixels.size());
  if (record.latents) append_bytes(bytes, record.latents->values.data(), num_values);
  return bytes;
}

// Nothing if the payload does not have the size that its head says.
std::optional<JournalRecord> record_of(std::string_view payload) {
  Head head;
  if (payload.size() < sizeof(Head)) return std::nullopt;
  std::memcpy(&head, payload.data(), sizeof(Head));
  if (payload.size() != sizeof(Head) + head.error_bytes + head.pixel_bytes() + head.latent_bytes())
    return std::nullopt;
  JournalRecord record;
  record.row = head.row;
  record.copy = head.copy;
  record.position = head.position;
  record.status = static_cast<SampleStatus>(head.status);
  record.device_seconds = head.device_seconds;
  record.attempt = head.attempt;
  const char* at = payload.data() + sizeof(Head);
  record.error.assign(at, head.error_bytes);
  at += head.error_bytes;
  record.image.height = head.height;
  record.image.width = head.width;
  record.image.pixels.assign(at, at + head.pixel_bytes());
  at += head.pixel_bytes();
  if (head.latent_bytes() > 0) {
    Latents& latents = record.latents.emplace();
    latents.channels = head.latent_channels;
    latents.height = head.latent_height;
    latents.width = head.latent_width;
    latents.values.resize(head.latent_bytes() / sizeof(float));
    std::memcpy(latents.values.data(), at, head.latent_bytes());
  }
  return record;
}

[[noreturn]] void fail(std::string_view doing, const std::filesystem::path& path) {
  throw EnvironmentError(cat("cannot ", doing, " the journal ", path, ": ", std::strerror(errno)),
                         "check the folder, its permissions and the free space");
}

struct JournalName {
  std::string shard;
  int64_t attempt = 0;
  int64_t replica = 0;

  auto operator<=>(const JournalName&) const = default;
};

std::optional<JournalName> parse_name(const std::string& name) {
  constexpr std::string_view kReplica = ".replica-";
  constexpr std::string_view kAttempt = ".attempt-";
  const size_t replica = name.find(kReplica);
  const size_t attempt = name.find(kAttempt);
  if (replica == std::string::npos || attempt == std::string::npos || attempt < replica) return std::nullopt;
  const size_t replica_at = replica + kReplica.size();
  const auto replica_number = parse_int(std::string_view(name).substr(replica_at, attempt - replica_at));
  const auto attempt_number = parse_int(std::string_view(name).substr(attempt + kAttempt.size()));
  if (!replica_number || !attempt_number) return std::nullopt;
  return JournalName{name.substr(0, replica), *attempt_number, *replica_number};
}

}  // namespace

std::filesystem::path journal_path(const std::filesystem::path& output, const std::string& shard_name,
                                   int64_t replica, int64_t attempt) {
  return output / "journal" / cat(shard_name, ".replica-", replica, ".attempt-", attempt);
}

std::vector<std::filesystem::path> list_journals(const std::filesystem::path& output,
                                                 const std::string& shard_name) {
  std::vector<std::pair<std::tuple<int64_t, int64_t, std::string>, std::filesystem::path>> found;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(output / "journal", error)) {
    const auto name = parse_name(file.path().filename().string());
    if (!name || (!shard_name.empty() && name->shard != shard_name)) continue;
    found.push_back({{name->attempt, name->replica, name->shard}, file.path()});
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw EnvironmentError(cat("cannot list ", output / "journal", ": ", error.message()),
                           "check its permissions");
  }
  std::sort(found.begin(), found.end());
  std::vector<std::filesystem::path> paths;
  for (auto& [order, path] : found) paths.push_back(std::move(path));
  return paths;
}

void remove_journals(const std::filesystem::path& output, const std::string& shard_name) {
  for (const std::filesystem::path& path : list_journals(output, shard_name)) {
    std::error_code error;
    std::filesystem::remove(path, error);
    if (error)
      throw EnvironmentError(cat("cannot remove ", path, ": ", error.message()), "check its permissions");
  }
}

JournalWriter::JournalWriter(const std::filesystem::path& path) : path_(path) {
  std::error_code ignored;  // open() says what is wrong
  std::filesystem::create_directories(path.parent_path(), ignored);
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("create", path_);
  const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_written = write_all(fd_, kMagic) && ::fsync(fd_) == 0;
  if (folder >= 0) {
    ::fsync(folder);  // some network file systems refuse it; the file itself is synced
    ::close(folder);
  }
  if (!is_written) {
    ::close(fd_);
    fail("write", path_);
  }
  size_bytes_ = static_cast<int64_t>(kMagic.size());
}

JournalWriter::~JournalWriter() {
  if (fd_ >= 0) ::close(fd_);
}

JournalWriter::JournalWriter(JournalWriter&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_bytes_(other.size_bytes_) {}

bool JournalWriter::write_record(const JournalRecord& record, int64_t& size_bytes) const {
  const std::string payload = payload_of(record);
  std::string bytes;
  bytes.reserve(payload.size() + kCheckedRecordBytes);
  append_checked_record(bytes, payload);
  size_bytes += static_cast<int64_t>(bytes.size());
  const std::string_view first_half = std::string_view(bytes).substr(0, bytes.size() / 2);
  if (!write_all(fd_, first_half)) return false;
  test_pause("journal-append");
  return write_all(fd_, std::string_view(bytes).substr(first_half.size()));
}

void JournalWriter::append(std::span<const JournalRecord> records) {
  int64_t size_bytes = size_bytes_;
  const bool is_written = std::all_of(records.begin(), records.end(), [&](const JournalRecord& record) {
    return write_record(record, size_bytes);
  });
  if (!is_written || ::fsync(fd_) != 0) {
    const int reason = errno;
    // Cuts the half record off, so that a later one can be read.
    if (::ftruncate(fd_, size_bytes_) == 0) ::lseek(fd_, size_bytes_, SEEK_SET);
    errno = reason;
    fail("write", path_);
  }
  size_bytes_ = size_bytes;
}

JournalReader::JournalReader(const std::filesystem::path& path) : path_(path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw ConfigError(cat("cannot read the journal ", path, ": ", std::strerror(errno)),
                      "check its permissions");
  }
  const auto file_size = static_cast<int64_t>(std::filesystem::file_size(path));
  std::string magic(kMagic.size(), '\0');
  in.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  const auto num_read = static_cast<size_t>(in.gcount());
  if (num_read < kMagic.size() && kMagic.starts_with(std::string_view(magic).substr(0, num_read))) {
    // A crash between creation and the first sync.
    damage_ = cat("the journal ", path, " ends within its first line: it holds no sample");
    return;
  }
  if (magic != kMagic) {
    throw ConfigError(cat(path, " is not a journal of this version of ditmesh"),
                      "move it away, or go on with the version that wrote it");
  }
  int64_t offset = static_cast<int64_t>(kMagic.size());
  while (offset < file_size) {
    const auto payload = read_checked_record(in, file_size - offset);
    const auto record = payload ? record_of(*payload) : std::nullopt;
    if (!record) {
      damage_ = cat("the journal ", path, " has ", entries_.size(), " whole records; the last ",
                    file_size - offset, " bytes are a torn one, its sample is made again");
      return;
    }
    entries_.push_back({record->row, record->copy, record->position, record->status, offset});
    offset += static_cast<int64_t>(payload->size() + kCheckedRecordBytes);
  }
}

int64_t count_journal_records(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string magic(kMagic.size(), '\0');
  if (!in.read(magic.data(), static_cast<std::streamsize>(magic.size())) || magic != kMagic) return 0;
  in.seekg(0, std::ios::end);
  const auto file_size = static_cast<uint64_t>(in.tellg());
  uint64_t offset = kMagic.size();
  for (int64_t count = 0;; ++count) {
    in.seekg(static_cast<std::streamoff>(offset));
    const auto size = size_of_checked_record(in, file_size - offset);
    if (!size) return count;
    offset += *size;
  }
}

JournalRecord JournalReader::read(const JournalEntry& entry) const {
  return JournalledSample{path_, entry}.read();
}

JournalRecord JournalledSample::read() const {
  std::ifstream in(journal, std::ios::binary);
  if (!in) fail("read", journal);
  in.seekg(0, std::ios::end);
  const auto file_size = static_cast<int64_t>(in.tellg());
  in.seekg(entry.offset_bytes);
  const auto payload = in ? read_checked_record(in, file_size - entry.offset_bytes) : std::nullopt;
  auto record = payload ? record_of(*payload) : std::nullopt;
  if (!record) {
    throw EnvironmentError(cat("the journal ", journal, " changed: no record at byte ", entry.offset_bytes),
                           "let one job at a time write to the folder, and start it again");
  }
  return std::move(*record);
}

std::vector<std::optional<JournalledSample>> journalled_samples(const std::filesystem::path& output,
                                                                const std::string& shard_name,
                                                                int64_t shard_size, const Log& log) {
  std::vector<std::optional<JournalledSample>> samples(static_cast<size_t>(shard_size));
  for (const std::filesystem::path& path : list_journals(output, shard_name)) {
    const JournalReader reader(path);
    if (!reader.damage().empty()) log.warning(reader.damage());
    for (const JournalEntry& entry : reader.entries()) {
      if (entry.position < 0 || entry.position >= shard_size) {
        throw ConfigError(cat("the journal ", path, " has a sample at position ", entry.position,
                              ", the shard has ", shard_size),
                          "it belongs to another job: choose another --output");
      }
      auto& known = samples[static_cast<size_t>(entry.position)];
      // Journals come in the order of attempts.
      const bool is_better =
          !known || known->entry.status != SampleStatus::done || entry.status == SampleStatus::done;
      if (is_better) known = JournalledSample{path, entry};
    }
  }
  return samples;
}

}  // namespace ditmesh

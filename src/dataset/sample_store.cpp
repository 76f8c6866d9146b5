#include "ditmesh/dataset/sample_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"

// The file: kMagic | samples | offset of every 16th sample | further columns (texts) | Foot.
// A sample: Head | id | prompt | negative prompt | further cells (texts with their size before them).
// A sample whose id is the number of its row has no id here.

namespace ditmesh {

namespace {

constexpr std::string_view kMagic = "ditmesh samples 1\n";
constexpr int64_t kStride = 16;
constexpr size_t kPendingBytes = size_t{1} << 20;

struct Head {
  int64_t row = 0;
  uint64_t seed_in_manifest = 0;  // 0: none
  uint32_t seed = 0;
  int32_t copy = 0;
  int32_t height = 0;
  int32_t width = 0;
  int32_t steps = 0;
  float guidance = 0;
  float true_cfg = 0;
  uint32_t id_bytes = 0;
  uint32_t prompt_bytes = 0;
  uint32_t negative_prompt_bytes = 0;
  uint32_t num_further = 0;
  uint32_t size_bytes = 0;  // of the whole sample, this head included
};
static_assert(sizeof(Head) == 64, "Head is written as it stands in memory: it must have no gaps");

struct Foot {
  uint64_t samples_end = 0;
  uint64_t columns_begin = 0;
  int64_t num_samples = 0;
  int64_t num_columns = 0;
  std::array<char, 8> magic{'d', 'i', 't', 'm', 'e', 'n', 'd', '\n'};
};
static_assert(sizeof(Foot) == 40, "Foot is written as it stands in memory: it must have no gaps");

[[noreturn]] void fail(std::string_view doing, const std::filesystem::path& path) {
  throw EnvironmentError(cat("cannot ", doing, " the samples file ", path, ": ", std::strerror(errno)),
                         "check the folder, its permissions and the free space");
}

uint32_t size_of(const std::string& text) {
  if (text.size() > std::numeric_limits<uint32_t>::max() / 8) {
    throw ConfigError(cat("a text of a manifest has at most 512 MiB, found ", human_bytes(text.size())),
                      "shorten it");
  }
  return static_cast<uint32_t>(text.size());
}

// MappedFile's own errors are for files of the user; this one is ours.
std::filesystem::path checked(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    throw EnvironmentError(cat("the samples file ", path, " cannot be read: ", error.message()),
                           "all ranks must see the folder that rank 0 writes: use a shared file system");
  }
  if (size < kMagic.size() + sizeof(Foot)) {
    throw EnvironmentError(cat("the samples file ", path, " is cut: it has ", size, " bytes"),
                           "let one job at a time write to the folder, and start it again");
  }
  return path;
}

}  // namespace

SampleStoreWriter::SampleStoreWriter(std::filesystem::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("create", path_);
  pending_.reserve(kPendingBytes + (kPendingBytes >> 2));
  append(kMagic.data(), kMagic.size());
}

SampleStoreWriter::~SampleStoreWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

void SampleStoreWriter::add(const Sample& sample) {
  if (num_samples_ % kStride == 0) offsets_.push_back(offset_);
  const bool is_id_number = sample.id == std::to_string(sample.row);
  Head head;
  head.row = sample.row;
  head.seed_in_manifest = sample.seed_in_manifest.value_or(0);
  head.seed = static_cast<uint32_t>(sample.seed);
  head.copy = sample.copy;
  head.height = sample.height;
  head.width = sample.width;
  head.steps = sample.steps;
  head.guidance = sample.guidance;
  head.true_cfg = sample.true_cfg;
  head.id_bytes = is_id_number ? 0 : size_of(sample.id);
  head.prompt_bytes = size_of(sample.prompt);
  head.negative_prompt_bytes = size_of(sample.negative_prompt);
  head.num_further = static_cast<uint32_t>(sample.further.size());
  uint64_t size = sizeof head + head.id_bytes + head.prompt_bytes + head.negative_prompt_bytes;
  for (const std::string& cell : sample.further) size += sizeof(uint32_t) + size_of(cell);
  if (size > std::numeric_limits<uint32_t>::max()) {
    throw ConfigError(cat("a row of a manifest has at most 4 GiB, found ", human_bytes(size)), "shorten it");
  }
  head.size_bytes = static_cast<uint32_t>(size);
  append(&head, sizeof head);
  append(sample.id.data(), head.id_bytes);
  append(sample.prompt.data(), head.prompt_bytes);
  append(sample.negative_prompt.data(), head.negative_prompt_bytes);
  for (const std::string& cell : sample.further) append_text(cell);
  ++num_samples_;
}

void SampleStoreWriter::finish(const std::vector<std::string>& further_columns) {
  Foot foot;
  foot.samples_end = offset_;
  foot.num_samples = num_samples_;
  foot.num_columns = static_cast<int64_t>(further_columns.size());
  append(offsets_.data(), offsets_.size() * sizeof(uint64_t));
  offsets_ = {};
  foot.columns_begin = offset_;
  for (const std::string& column : further_columns) append_text(column);
  append(&foot, sizeof foot);
  flush();
  // Closing is when a network file system tells that it is full.
  if (::close(std::exchange(fd_, -1)) != 0) {
    const int reason = errno;
    ::unlink(path_.c_str());
    errno = reason;
    fail("write", path_);
  }
}

void SampleStoreWriter::append(const void* bytes, size_t size) {
  pending_.append(static_cast<const char*>(bytes), size);
  offset_ += size;
  if (pending_.size() >= kPendingBytes) flush();
}

void SampleStoreWriter::append_text(const std::string& text) {
  const uint32_t size = size_of(text);
  append(&size, sizeof size);
  append(text.data(), size);
}

void SampleStoreWriter::flush() {
  if (!write_all(fd_, pending_)) fail("write", path_);
  pending_.clear();
}

// Takes things from a part of the file, and never more than is there.
struct SampleStore::Cursor {
  const SampleStore& store;
  uint64_t at;
  uint64_t end;

  const uint8_t* take(uint64_t size) {
    if (size > end - at) {
      throw EnvironmentError(cat("the samples file ", store.path_, " is damaged: ", size,
                                 " bytes are needed at byte ", at, " of ", end),
                             "let one job at a time write to the folder, and start it again");
    }
    const uint8_t* bytes = store.file_.data() + at;
    at += size;
    return bytes;
  }
  template <typename T>
  T take() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string take_text(uint64_t size) { return {reinterpret_cast<const char*>(take(size)), size}; }
  std::string take_text() { return take_text(take<uint32_t>()); }
};

SampleStore::SampleStore(const std::filesystem::path& path) : path_(path), file_(checked(path)) {
  const uint64_t size = file_.size_bytes();
  Cursor begin{*this, 0, size};
  if (begin.take_text(kMagic.size()) != kMagic) {
    throw EnvironmentError(cat(path_, " is not a samples file of this version of ditmesh"),
                           "let one job at a time write to the folder, and start it again");
  }
  Cursor end{*this, size - sizeof(Foot), size};
  const auto foot = end.take<Foot>();
  const auto num_offsets =
      static_cast<uint64_t>(foot.num_samples / kStride + (foot.num_samples % kStride != 0));
  if (foot.magic != Foot{}.magic || foot.num_samples < 0 || foot.samples_end > size ||
      foot.columns_begin != foot.samples_end + num_offsets * sizeof(uint64_t) ||
      foot.columns_begin > size - sizeof(Foot)) {
    throw EnvironmentError(cat("the samples file ", path_, " is cut: it ends after ", size,
                               " bytes without the mark of its end"),
                           "let one job at a time write to the folder, and start it again");
  }
  num_samples_ = foot.num_samples;
  samples_end_ = foot.samples_end;
  Cursor columns{*this, foot.columns_begin, size - sizeof(Foot)};
  for (int64_t i = 0; i < foot.num_columns; ++i) further_columns_.push_back(columns.take_text());
}

Sample SampleStore::sample(int64_t index) const {
  if (index < 0 || index >= num_samples_) {
    throw InternalError(cat("sample ", index, " was asked of ", num_samples_));
  }
  Cursor offsets{*this, samples_end_ + static_cast<uint64_t>(index / kStride) * sizeof(uint64_t),
                 file_.size_bytes()};
  const auto offset = offsets.take<uint64_t>();
  Cursor cursor{*this, std::min(offset, samples_end_), samples_end_};
  auto head = cursor.take<Head>();
  for (int64_t i = 0; i < index % kStride; ++i) {
    cursor.take(std::max<uint64_t>(head.size_bytes, sizeof head) - sizeof head);
    head = cursor.take<Head>();
  }
  Sample sample;
  sample.row = head.row;
  sample.copy = head.copy;
  sample.id = head.id_bytes == 0 ? std::to_string(head.row) : cursor.take_text(head.id_bytes);
  sample.prompt = cursor.take_text(head.prompt_bytes);
  sample.negative_prompt = cursor.take_text(head.negative_prompt_bytes);
  sample.seed = head.seed;
  if (head.seed_in_manifest != 0) sample.seed_in_manifest = head.seed_in_manifest;
  sample.height = head.height;
  sample.width = head.width;
  sample.steps = head.steps;
  sample.guidance = head.guidance;
  sample.true_cfg = head.true_cfg;
  for (uint32_t i = 0; i < head.num_further; ++i) sample.further.push_back(cursor.take_text());
  sample.further.resize(further_columns_.size());
  return sample;
}

}  // namespace ditmesh

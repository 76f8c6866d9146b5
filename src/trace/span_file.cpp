#include "ditmesh/trace/span_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include "ditmesh/base/checked_record.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

// The file: kMagic, then checked records (base/checked_record.hpp). A payload is one letter for its kind, and
// what the kind has: a JSON object (head), or structs as they stand in memory.

namespace ditmesh {

namespace {

constexpr std::string_view kMagic = "ditmesh spans 1\n";
constexpr char kHead = 'H';
constexpr char kSpans = 'S';
constexpr char kCounters = 'C';
constexpr char kClock = 'O';
constexpr char kLost = 'L';
constexpr char kEnd = 'E';

std::string to_text(const RankInfo& info) {
  return OrderedJson{{"rank", info.rank},         {"num_ranks", info.num_ranks},
                     {"attempt", info.attempt},   {"coordinate", info.coordinate},
                     {"host", info.host},         {"process", info.process},
                     {"device", info.device},     {"started", info.started},
                     {"start_ns", info.start_ns}, {"origin_ns", info.origin_ns},
                     {"groups", info.groups}}
      .dump();
}

RankInfo info_from(const std::string& text) {
  const Json json = Json::parse(text);
  return {json.at("rank"),     json.at("num_ranks"), json.at("attempt"), json.at("coordinate"),
          json.at("host"),     json.at("process"),   json.at("device"),  json.at("started"),
          json.at("start_ns"), json.at("origin_ns"), json.at("groups")};
}

template <typename T>
void append_to(std::vector<T>& values, std::string_view bytes) {
  const size_t before = values.size();
  values.resize(before + bytes.size() / sizeof(T));
  std::memcpy(values.data() + before, bytes.data(), (values.size() - before) * sizeof(T));
}

// Numbers that no version of this program wrote would be read outside of tables of names.
bool is_known(const Span& span) {
  return static_cast<size_t>(span.phase) < kNumPhases && static_cast<size_t>(span.lane) < kNumLanes;
}

void take(RankTrace& trace, const std::string& payload) {
  const std::string_view bytes = std::string_view(payload).substr(1);
  switch (payload[0]) {
    case kSpans:
      append_to(trace.spans, bytes);
      break;
    case kCounters:
      append_to(trace.counters, bytes);
      break;
    case kClock:
      append_to(trace.clock, bytes);
      break;
    case kLost:
      std::memcpy(&trace.num_lost, bytes.data(), std::min(bytes.size(), sizeof trace.num_lost));
      break;
    case kEnd:
      trace.is_closed = true;
      break;
    default:
      break;
  }
}

// The file behind its head.
struct OpenedSpanFile {
  explicit OpenedSpanFile(const std::filesystem::path& path) : in(path, std::ios::binary) {
    if (!in) {
      throw ConfigError(cat("cannot read the trace ", path, ": ", std::strerror(errno)),
                        "check its permissions");
    }
    size = std::filesystem::file_size(path);
    std::string magic(kMagic.size(), '\0');
    in.read(magic.data(), static_cast<std::streamsize>(magic.size()));
    at = kMagic.size();
    const auto head = magic == kMagic ? next() : std::nullopt;
    if (!head || head->empty() || head->front() != kHead) {
      throw ConfigError(cat(path, " is no trace of this version of ditmesh, or was cut in its first lines"),
                        "remove it");
    }
    info = info_from(head->substr(1));
    at += head->size() + kCheckedRecordBytes;
  }

  std::optional<std::string> next() { return read_checked_record(in, size - at); }

  std::ifstream in;
  uint64_t size = 0;
  uint64_t at = 0;  // where the next record begins
  RankInfo info;
};

}  // namespace

std::filesystem::path span_file_path(const std::filesystem::path& traces, const std::string& prefix,
                                     int32_t rank) {
  return traces / cat(prefix, ".rank-", rank, ".spans");
}

SpanFileWriter::SpanFileWriter(const std::filesystem::path& path, const RankInfo& info) {
  std::error_code ignored;  // open() says what is wrong
  std::filesystem::create_directories(path.parent_path(), ignored);
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const std::string head = to_text(info);
  is_good_ = fd_ >= 0 && write_all(fd_, kMagic) && append_block(kHead, head.data(), head.size());
}

SpanFileWriter::~SpanFileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

bool SpanFileWriter::append(std::span<const Span> spans) {
  return spans.empty() ? is_good_ : append_block(kSpans, spans.data(), spans.size_bytes());
}

bool SpanFileWriter::append(std::span<const CounterValue> values) {
  return values.empty() ? is_good_ : append_block(kCounters, values.data(), values.size_bytes());
}

bool SpanFileWriter::append(const ClockOffset& offset) {
  return append_block(kClock, &offset, sizeof offset);
}

bool SpanFileWriter::append_num_lost(uint64_t num_lost) {
  return append_block(kLost, &num_lost, sizeof num_lost);
}

bool SpanFileWriter::close() {
  if (!append_block(kEnd, nullptr, 0) || ::fsync(fd_) != 0) return false;
  return ::close(std::exchange(fd_, -1)) == 0;
}

// After a failure nothing more: the file would have a hole.
bool SpanFileWriter::append_block(char kind, const void* bytes, size_t size) {
  if (!is_good_) return false;
  std::string payload(1, kind);
  payload.append(static_cast<const char*>(bytes), size);
  std::string record;
  append_checked_record(record, payload);
  is_good_ = write_all(fd_, record);
  return is_good_;
}

RankInfo read_span_head(const std::filesystem::path& path) { return OpenedSpanFile(path).info; }

RankTrace read_span_file(const std::filesystem::path& path) {
  OpenedSpanFile file(path);
  RankTrace trace;
  trace.info = file.info;
  while (file.at < file.size) {
    const auto payload = file.next();
    if (!payload || payload->empty()) {
      trace.damage = cat("the trace ", path, " ends in a torn block of ", file.size - file.at, " bytes");
      break;
    }
    take(trace, *payload);
    file.at += payload->size() + kCheckedRecordBytes;
  }
  std::erase_if(trace.spans, [](const Span& span) { return !is_known(span); });
  std::erase_if(trace.counters, [](const CounterValue& value) {
    return static_cast<size_t>(value.kind) >= kNumCounterKinds;
  });
  return trace;
}

}  // namespace ditmesh

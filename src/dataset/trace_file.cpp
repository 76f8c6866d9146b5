#include "ditmesh/dataset/trace_file.hpp"

#include <hdf5.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "hdf5.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kTraceFormatVersion = 1;
constexpr hsize_t kChunkRows = 65536;

// Numbers with names, as bytes.
template <typename Enum>
Hdf5Handle enum_type(size_t count) {
  Hdf5Handle type(H5Tenum_create(H5T_STD_U8LE), H5Tclose, "make a type");
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<uint8_t>(i);
    check_hdf5(H5Tenum_insert(type.get(), std::string(name_of(static_cast<Enum>(i))).c_str(), &value),
               "make a type");
  }
  return type;
}

hid_t number_type(int32_t) { return H5T_STD_I32LE; }
hid_t number_type(int64_t) { return H5T_STD_I64LE; }
hid_t number_type(uint8_t) { return H5T_STD_U8LE; }
hid_t number_type(double) { return H5T_IEEE_F64LE; }

// A group of columns of one length that grows.
class Table {
 public:
  Table(hid_t file, const std::string& name) : group_(create_group(file, name)) {}

  void add_column(const std::string& name, hid_t type, const std::string& units) {
    const hsize_t none = 0;
    const hsize_t any = H5S_UNLIMITED;
    const Hdf5Handle space(H5Screate_simple(1, &none, &any), H5Sclose, "make a table");
    const Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make a table");
    check_hdf5(H5Pset_chunk(properties.get(), 1, &kChunkRows), "make a table");
    check_hdf5(H5Pset_shuffle(properties.get()), "make a table");
    check_hdf5(H5Pset_deflate(properties.get(), 1), "make a table");
    Hdf5Handle dataset(
        H5Dcreate2(group_.get(), name.c_str(), type, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
        H5Dclose, "make a table");
    describe(dataset.get(), "row", units);
    columns_.emplace(name, Column{std::move(dataset), type});
  }

  void close() {
    columns_.clear();
    group_.close("close a trace");
  }

  /// `get` gives a column's value of a row; all columns are given the same rows.
  template <typename Rows, typename Get>
  void append(const std::string& name, const Rows& rows, Get get) {
    using Value = std::decay_t<decltype(get(*rows.begin()))>;
    std::vector<Value> values;
    values.reserve(rows.size());
    for (const auto& row : rows) values.push_back(get(row));
    if (values.empty()) return;
    const Column& column = columns_.at(name);
    const hsize_t before = shape_of(column.dataset.get()).at(0);
    const hsize_t count = values.size();
    const hsize_t after = before + count;
    check_hdf5(H5Dset_extent(column.dataset.get(), &after), "write a trace");
    const Hdf5Handle from = simple_space({count});
    const Hdf5Handle to = select_rows(column.dataset.get(), before, count);
    check_hdf5(H5Dwrite(column.dataset.get(), column.type, from.get(), to.get(), H5P_DEFAULT, values.data()),
               "write a trace");
  }

 private:
  struct Column {
    Hdf5Handle dataset;
    hid_t type;  // of a number, or of the caller
  };
  Hdf5Handle group_;
  std::map<std::string, Column> columns_;
};

class TraceWriter {
 public:
  explicit TraceWriter(const std::filesystem::path& path)
      : file_(create_hdf5_file(path)),
        phases_(enum_type<Phase>(kNumPhases)),
        lanes_(enum_type<Lane>(kNumLanes)),
        kinds_(enum_type<CounterKind>(kNumCounterKinds)),
        spans_(file_.get(), "spans"),
        counters_(file_.get(), "counters"),
        clock_(file_.get(), "clock") {
    constexpr const char* kTime = "ns of rank 0's clock since its program began";
    spans_.add_column("rank", H5T_STD_I32LE, "rank");
    spans_.add_column("lane", lanes_.get(), "thread of the rank");
    spans_.add_column("phase", phases_.get(), "what the time went into");
    spans_.add_column("sample", H5T_STD_I64LE, "row of /samples, the first of the batch; -1: none");
    spans_.add_column("num_samples", H5T_STD_I32LE, "samples");
    spans_.add_column("step", H5T_STD_I32LE, "denoising step, from 0; -1: none");
    spans_.add_column("group", H5T_STD_U8LE, "place in the attribute groups, of a verb");
    spans_.add_column("bytes", H5T_STD_I64LE, "bytes sent by a verb");
    spans_.add_column("start_ns", H5T_STD_I64LE, kTime);
    spans_.add_column("duration_ns", H5T_STD_I64LE, "ns");
    counters_.add_column("rank", H5T_STD_I32LE, "rank");
    counters_.add_column("kind", kinds_.get(), "what was counted");
    counters_.add_column("group", H5T_STD_U8LE, "place in the attribute groups, of bytes_sent");
    counters_.add_column("time_ns", H5T_STD_I64LE, kTime);
    counters_.add_column("value", H5T_IEEE_F64LE, "bytes, samples or samples/s");
    clock_.add_column("rank", H5T_STD_I32LE, "rank");
    clock_.add_column("time_ns", H5T_STD_I64LE, "ns of the rank's own clock");
    clock_.add_column("offset_ns", H5T_STD_I64LE, "ns that rank 0's clock is ahead");
    clock_.add_column("error_ns", H5T_STD_I64LE, "ns");
    write_attribute(file_.get(), "format_version", kTraceFormatVersion);
  }

  void add(RankTrace rank) {
    const int32_t number = rank.info.rank;
    const auto of_rank = [number](const auto&) { return number; };
    spans_.append("rank", rank.spans, of_rank);
    spans_.append("lane", rank.spans, [](const Span& span) { return static_cast<uint8_t>(span.lane); });
    spans_.append("phase", rank.spans, [](const Span& span) { return static_cast<uint8_t>(span.phase); });
    spans_.append("sample", rank.spans, [](const Span& span) { return span.sample; });
    spans_.append("num_samples", rank.spans, [](const Span& span) { return span.num_samples; });
    spans_.append("step", rank.spans, [](const Span& span) { return span.step; });
    spans_.append("group", rank.spans, [](const Span& span) { return span.group; });
    spans_.append("bytes", rank.spans, [](const Span& span) { return span.bytes; });
    spans_.append("start_ns", rank.spans, [](const Span& span) { return span.start_ns; });
    spans_.append("duration_ns", rank.spans, [](const Span& span) { return span.duration_ns; });
    counters_.append("rank", rank.counters, of_rank);
    counters_.append("kind", rank.counters,
                     [](const CounterValue& value) { return static_cast<uint8_t>(value.kind); });
    counters_.append("group", rank.counters, [](const CounterValue& value) { return value.group; });
    counters_.append("time_ns", rank.counters, [](const CounterValue& value) { return value.time_ns; });
    counters_.append("value", rank.counters, [](const CounterValue& value) { return value.value; });
    clock_.append("rank", rank.clock, of_rank);
    clock_.append("time_ns", rank.clock, [](const ClockOffset& offset) { return offset.time_ns; });
    clock_.append("offset_ns", rank.clock, [](const ClockOffset& offset) { return offset.offset_ns; });
    clock_.append("error_ns", rank.clock, [](const ClockOffset& offset) { return offset.error_ns; });
    rank.spans = {};
    rank.counters = {};
    ranks_.push_back(std::move(rank));
  }

  void close() {
    for (Table* table : {&spans_, &counters_, &clock_}) table->close();
    write_ranks();
    write_attribute(file_.get(), "groups", Json(ranks_.front().info.groups).dump());
    file_.close("close a trace");
  }

 private:
  void write_ranks() const {
    const Hdf5Handle group = create_group(file_.get(), "ranks");
    write_ints(group.get(), "rank", "rank", [](const RankTrace& rank) { return rank.info.rank; });
    write_ints(group.get(), "num_ranks", "ranks of the job",
               [](const RankTrace& rank) { return rank.info.num_ranks; });
    write_ints(group.get(), "attempt", "attempt of job.json",
               [](const RankTrace& rank) { return rank.info.attempt; });
    write_ints(group.get(), "process", "process id", [](const RankTrace& rank) { return rank.info.process; });
    write_ints(group.get(), "start_ns", "ns of rank 0's clock since its program began",
               [](const RankTrace& rank) { return rank.info.start_ns; });
    write_ints(group.get(), "num_lost", "spans", [](const RankTrace& rank) { return rank.num_lost; });
    write_ints(group.get(), "is_closed", "1: the rank came to its end, 0: it was cut off",
               [](const RankTrace& rank) { return rank.is_closed; });
    write_texts(group.get(), "coordinate", [](const RankInfo& info) { return info.coordinate; });
    write_texts(group.get(), "host", [](const RankInfo& info) { return info.host; });
    write_texts(group.get(), "device", [](const RankInfo& info) { return info.device; });
    write_texts(group.get(), "started", [](const RankInfo& info) { return info.started; });
  }
  template <typename Get>
  void write_ints(hid_t group, const std::string& name, const std::string& units, Get get) const {
    std::vector<int64_t> values;
    for (const RankTrace& rank : ranks_) values.push_back(static_cast<int64_t>(get(rank)));
    ditmesh::Column::of_ints(values).write(group, name, units);
  }
  template <typename Get>
  void write_texts(hid_t group, const std::string& name, Get get) const {
    std::vector<std::string> values;
    for (const RankTrace& rank : ranks_) values.push_back(get(rank.info));
    ditmesh::Column::of_texts(values).write(group, name, "text (UTF-8)");
  }

  Hdf5Handle file_;
  Hdf5Handle phases_;
  Hdf5Handle lanes_;
  Hdf5Handle kinds_;
  Table spans_;
  Table counters_;
  Table clock_;
  std::vector<RankTrace> ranks_;  // without spans and counters
};

// A column of numbers, or of an enum's, of a group.
template <typename T>
std::vector<T> read_numbers(hid_t group, const std::string& name) {
  const Hdf5Handle dataset = open_dataset(group, name);
  std::vector<T> values(shape_of(dataset.get()).at(0));
  if (values.empty()) return values;
  const Hdf5Handle stored(H5Dget_type(dataset.get()), H5Tclose, "read a trace");
  const bool is_enum = H5Tget_class(stored.get()) == H5T_ENUM;
  check_hdf5(H5Dread(dataset.get(), is_enum ? stored.get() : number_type(T{}), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     values.data()),
             cat("read the trace's column ", name));
  return values;
}

void read_ranks(hid_t file, std::vector<RankTrace>& ranks) {
  const Hdf5Handle group = open_group(file, "ranks");
  const auto ints = [&](const char* name) { return ditmesh::Column::read(group.get(), name).ints(); };
  const auto texts = [&](const char* name) { return ditmesh::Column::read(group.get(), name).texts(); };
  const auto rank = ints("rank"), num_ranks = ints("num_ranks"), attempt = ints("attempt"),
             process = ints("process"), start_ns = ints("start_ns"), num_lost = ints("num_lost"),
             is_closed = ints("is_closed");
  const auto coordinate = texts("coordinate"), host = texts("host"), device = texts("device"),
             started = texts("started");
  const auto groups = Json::parse(read_text_attribute(file, "groups")).get<std::vector<std::string>>();
  for (size_t i = 0; i < rank.size(); ++i) {
    RankTrace trace;
    trace.info = {static_cast<int32_t>(rank[i]),
                  static_cast<int32_t>(num_ranks[i]),
                  attempt[i],
                  coordinate[i],
                  host[i],
                  process[i],
                  device[i],
                  started[i],
                  start_ns[i],
                  0,
                  groups};
    trace.num_lost = static_cast<uint64_t>(num_lost[i]);
    trace.is_closed = is_closed[i] != 0;
    ranks.push_back(std::move(trace));
  }
}

}  // namespace

void write_trace_file(const std::filesystem::path& path,
                      const std::vector<std::filesystem::path>& span_files) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  {
    TraceWriter writer(temporary);
    for (const std::filesystem::path& file : span_files) writer.add(align(read_span_file(file)));
    writer.close();
  }
  rename_durably(temporary, path);
}

std::vector<RankTrace> read_trace_file(const std::filesystem::path& path) {
  const Hdf5Handle file = open_hdf5_file(path);
  check_format_version(file.get(), path, kTraceFormatVersion);
  std::vector<RankTrace> ranks;
  read_ranks(file.get(), ranks);
  std::map<int32_t, RankTrace*> by_rank;
  for (RankTrace& rank : ranks) by_rank[rank.info.rank] = &rank;
  const auto trace_of = [&](int32_t rank) -> RankTrace& {
    const auto found = by_rank.find(rank);
    if (found != by_rank.end()) return *found->second;
    throw EnvironmentError(cat(path, " has spans of rank ", rank, ", which it does not list"),
                           "remove it, the dataset does not need it");
  };
  {
    const Hdf5Handle group = open_group(file.get(), "spans");
    const auto rank = read_numbers<int32_t>(group.get(), "rank");
    const auto lane = read_numbers<uint8_t>(group.get(), "lane"),
               phase = read_numbers<uint8_t>(group.get(), "phase"),
               verb_group = read_numbers<uint8_t>(group.get(), "group");
    const auto sample = read_numbers<int64_t>(group.get(), "sample"),
               bytes = read_numbers<int64_t>(group.get(), "bytes"),
               start = read_numbers<int64_t>(group.get(), "start_ns"),
               duration = read_numbers<int64_t>(group.get(), "duration_ns");
    const auto num_samples = read_numbers<int32_t>(group.get(), "num_samples"),
               step = read_numbers<int32_t>(group.get(), "step");
    for (size_t i = 0; i < rank.size(); ++i) {
      if (phase.at(i) >= kNumPhases || lane.at(i) >= kNumLanes) continue;
      trace_of(rank[i]).spans.push_back({start.at(i),
                                         duration.at(i),
                                         sample.at(i),
                                         bytes.at(i),
                                         num_samples.at(i),
                                         step.at(i),
                                         static_cast<Phase>(phase[i]),
                                         static_cast<Lane>(lane[i]),
                                         verb_group.at(i),
                                         {}});
    }
  }
  {
    const Hdf5Handle group = open_group(file.get(), "counters");
    const auto rank = read_numbers<int32_t>(group.get(), "rank");
    const auto kind = read_numbers<uint8_t>(group.get(), "kind"),
               of_group = read_numbers<uint8_t>(group.get(), "group");
    const auto time = read_numbers<int64_t>(group.get(), "time_ns");
    const auto value = read_numbers<double>(group.get(), "value");
    for (size_t i = 0; i < rank.size(); ++i) {
      if (kind.at(i) >= kNumCounterKinds) continue;
      trace_of(rank[i]).counters.push_back(
          {time.at(i), value.at(i), static_cast<CounterKind>(kind[i]), of_group.at(i), {}});
    }
  }
  const Hdf5Handle group = open_group(file.get(), "clock");
  const auto rank = read_numbers<int32_t>(group.get(), "rank");
  const auto time = read_numbers<int64_t>(group.get(), "time_ns"),
             offset = read_numbers<int64_t>(group.get(), "offset_ns"),
             error = read_numbers<int64_t>(group.get(), "error_ns");
  for (size_t i = 0; i < rank.size(); ++i)
    trace_of(rank[i]).clock.push_back({time.at(i), offset.at(i), error.at(i)});
  return ranks;
}

}  // namespace ditmesh

#include "sample_table.hpp"

#include <algorithm>
#include <utility>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr size_t kSha256Digits = 64;
constexpr const char* kText = "text (UTF-8)";

constexpr std::pair<std::string_view, std::string_view> kColumnUnits[] = {
    {"id", kText},
    {"prompt", kText},
    {"negative_prompt", kText},
    {"row", "row of the manifest, from 0"},
    {"copy", "copy of the row, from 0"},
    {"seed", "seed of the noise, 0 to 2^32-1"},
    {"seed_in_manifest", "decimal number, where the manifest's seed was above 2^32-1"},
    {"steps", "denoising steps"},
    {"guidance", "1"},
    {"true_cfg", "1"},
    {"status", "missing 0, done 1, failed 2"},
    {"error", kText},
    {"sha256", "hexadecimal SHA-256 of the pixels as they were made"},
    {"encoded_sha256", "hexadecimal SHA-256 of the bytes in encoded"},
    {"device_seconds", "s"},
    {"attempt", "attempt of job.json that made the sample, from 1"},
    {"bucket", "name of the group with the pixels, HEIGHTxWIDTH in px"},
    {"index_in_bucket", "row of the bucket, from 0"},
    {"shard", "name of the link in /by_shard"},
    {"index_in_shard", "row of the bucket in the shard, from 0"},
};

// Not columns of ours, but settings that a manifest column of this name gives.
constexpr std::string_view kManifestOnly[] = {"height", "width"};

class TableWriter {
 public:
  TableWriter(hid_t group, const std::vector<DatasetRow>& rows) : group_(group), rows_(rows) {}

  template <typename Get>
  void ints(const std::string& name, Get get) const {
    Column::of_ints(values<int64_t>(get)).write(group_, name, column_units(name));
  }
  template <typename Get>
  void int32s(const std::string& name, Get get) const {
    Column::of_int32s(values<int32_t>(get)).write(group_, name, column_units(name));
  }
  template <typename Get>
  void floats(const std::string& name, Get get) const {
    Column::of_floats(values<float>(get)).write(group_, name, column_units(name));
  }
  template <typename Get>
  void texts(const std::string& name, Get get) const {
    Column::of_texts(values<std::string>(get)).write(group_, name, column_units(name));
  }
  template <typename Get>
  void short_texts(const std::string& name, size_t least_size, Get get) const {
    const auto texts = values<std::string>(get);
    size_t size = least_size;
    for (const std::string& text : texts) size = std::max(size, text.size());
    Column::of_fixed_texts(texts, size).write(group_, name, column_units(name));
  }
  template <typename Get>
  void statuses(const std::string& name, Get get) const {
    Column::of_status(values<SampleStatus>(get)).write(group_, name, column_units(name));
  }

 private:
  template <typename T, typename Get>
  std::vector<T> values(Get get) const {
    std::vector<T> all;
    all.reserve(rows_.size());
    for (const DatasetRow& row : rows_) all.push_back(get(row));
    return all;
  }

  hid_t group_;
  const std::vector<DatasetRow>& rows_;
};

// Long enough for every name of a bucket or shard, so that all shards agree.
constexpr size_t kNameBytes = 32;

size_t num_rows_of(hid_t group, const std::string& column) {
  return shape_of(open_dataset(group, column).get()).at(0);
}

std::string seed_text(const std::optional<uint64_t>& seed) {
  return seed ? std::to_string(*seed) : std::string{};
}

}  // namespace

bool is_sample_column(const std::string& name) {
  return std::any_of(std::begin(kColumnUnits), std::end(kColumnUnits),
                     [&](const auto& column) { return column.first == name; }) ||
         std::find(std::begin(kManifestOnly), std::end(kManifestOnly), name) != std::end(kManifestOnly);
}

std::string column_units(const std::string& name) {
  for (const auto& [column, units] : kColumnUnits) {
    if (column == name) return std::string(units);
  }
  return kText;  // a further column of the manifest
}

void write_samples(hid_t file, const std::vector<DatasetRow>& rows,
                   const std::vector<std::string>& further_columns, const ImageFormat& format) {
  const Hdf5Handle group = create_group(file, "samples");
  const TableWriter table(group.get(), rows);
  table.texts("id", [](const DatasetRow& r) { return r.sample.id; });
  table.texts("prompt", [](const DatasetRow& r) { return r.sample.prompt; });
  table.texts("negative_prompt", [](const DatasetRow& r) { return r.sample.negative_prompt; });
  table.ints("row", [](const DatasetRow& r) { return r.sample.row; });
  table.int32s("copy", [](const DatasetRow& r) { return r.sample.copy; });
  table.ints("seed", [](const DatasetRow& r) { return r.sample.seed; });
  if (std::any_of(rows.begin(), rows.end(),
                  [](const DatasetRow& r) { return r.sample.seed_in_manifest.has_value(); })) {
    table.texts("seed_in_manifest", [](const DatasetRow& r) { return seed_text(r.sample.seed_in_manifest); });
  }
  table.int32s("steps", [](const DatasetRow& r) { return r.sample.steps; });
  table.floats("guidance", [](const DatasetRow& r) { return r.sample.guidance; });
  table.floats("true_cfg", [](const DatasetRow& r) { return r.sample.true_cfg; });
  table.statuses("status", [](const DatasetRow& r) { return r.status; });
  table.texts("error", [](const DatasetRow& r) { return r.error; });
  table.short_texts("sha256", kSha256Digits, [](const DatasetRow& r) { return r.sha256; });
  if (!format.is_raw()) {
    table.short_texts("encoded_sha256", kSha256Digits, [](const DatasetRow& r) { return r.encoded_sha256; });
  }
  table.floats("device_seconds", [](const DatasetRow& r) { return r.device_seconds; });
  table.int32s("attempt", [](const DatasetRow& r) { return r.attempt; });
  table.short_texts("bucket", kNameBytes, [](const DatasetRow& r) { return r.bucket; });
  table.ints("index_in_bucket", [](const DatasetRow& r) { return r.index_in_bucket; });
  table.short_texts("shard", kNameBytes, [](const DatasetRow& r) { return r.shard; });
  table.ints("index_in_shard", [](const DatasetRow& r) { return r.index_in_shard; });
  for (size_t i = 0; i < further_columns.size(); ++i) {
    table.texts(further_columns[i], [i](const DatasetRow& r) { return r.sample.further.at(i); });
  }
}

SampleTable read_samples(hid_t file) {
  const Hdf5Handle group = open_group(file, "samples");
  const size_t num_rows = num_rows_of(group.get(), "id");
  for (const std::string& name : member_names(group.get())) {
    if (num_rows_of(group.get(), name) == num_rows) continue;
    throw EnvironmentError(cat("the column ", name, " of /samples has ", num_rows_of(group.get(), name),
                               " rows, id has ", num_rows),
                           "make the index again with ditmesh index");
  }
  return read_samples(file, 0, num_rows);
}

SampleTable read_samples(hid_t file, size_t begin, size_t count) {
  const Hdf5Handle group = open_group(file, "samples");
  SampleTable table;
  table.rows.resize(count);
  const auto read = [&](const std::string& name) {
    return Column::read_rows(group.get(), name, begin, count);
  };
  const auto each = [&](const auto& values, auto set) {
    for (size_t i = 0; i < table.rows.size(); ++i) set(table.rows[i], values[i]);
  };
  const auto texts = [&](const std::string& name, auto set) { each(read(name).texts(), set); };
  const auto ints = [&](const std::string& name, auto set) { each(read(name).ints(), set); };
  const auto floats = [&](const std::string& name, auto set) { each(read(name).floats(), set); };
  texts("id", [](DatasetRow& r, const std::string& v) { r.sample.id = v; });
  texts("prompt", [](DatasetRow& r, const std::string& v) { r.sample.prompt = v; });
  texts("negative_prompt", [](DatasetRow& r, const std::string& v) { r.sample.negative_prompt = v; });
  ints("row", [](DatasetRow& r, int64_t v) { r.sample.row = v; });
  ints("copy", [](DatasetRow& r, int64_t v) { r.sample.copy = static_cast<int32_t>(v); });
  ints("seed", [](DatasetRow& r, int64_t v) { r.sample.seed = v; });
  if (has_link(group.get(), "seed_in_manifest")) {
    texts("seed_in_manifest",
          [](DatasetRow& r, const std::string& v) { r.sample.seed_in_manifest = parse_uint(v); });
  }
  ints("steps", [](DatasetRow& r, int64_t v) { r.sample.steps = static_cast<int32_t>(v); });
  floats("guidance", [](DatasetRow& r, float v) { r.sample.guidance = v; });
  floats("true_cfg", [](DatasetRow& r, float v) { r.sample.true_cfg = v; });
  each(read("status").statuses(), [](DatasetRow& r, SampleStatus v) { r.status = v; });
  texts("error", [](DatasetRow& r, const std::string& v) { r.error = v; });
  texts("sha256", [](DatasetRow& r, const std::string& v) { r.sha256 = v; });
  if (has_link(group.get(), "encoded_sha256")) {
    texts("encoded_sha256", [](DatasetRow& r, const std::string& v) { r.encoded_sha256 = v; });
  }
  floats("device_seconds", [](DatasetRow& r, float v) { r.device_seconds = v; });
  ints("attempt", [](DatasetRow& r, int64_t v) { r.attempt = static_cast<int32_t>(v); });
  texts("bucket", [](DatasetRow& r, const std::string& v) {
    r.bucket = v;
    const auto sides = split(v, 'x');
    r.sample.height = static_cast<int32_t>(parse_int(sides.front()).value_or(0));
    r.sample.width = static_cast<int32_t>(parse_int(sides.back()).value_or(0));
  });
  ints("index_in_bucket", [](DatasetRow& r, int64_t v) { r.index_in_bucket = v; });
  texts("shard", [](DatasetRow& r, const std::string& v) { r.shard = v; });
  ints("index_in_shard", [](DatasetRow& r, int64_t v) { r.index_in_shard = v; });
  for (const std::string& name : member_names(group.get())) {
    if (is_sample_column(name)) continue;
    table.further_columns.push_back(name);
    texts(name, [](DatasetRow& r, const std::string& v) { r.sample.further.push_back(v); });
  }
  return table;
}

}  // namespace ditmesh

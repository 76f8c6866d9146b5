#include "manifest_columns.hpp"

#include <algorithm>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "sample_table.hpp"

namespace ditmesh {

namespace {

struct KnownName {
  std::string_view name;
  ManifestField field;
};

// What a column may be called, in lower case. `guidance_scale` is diffusers'
// name for the distilled guidance of FLUX; `cfg` means classifier-free guidance.
constexpr KnownName kKnownNames[] = {
    {"id", ManifestField::id},
    {"prompt", ManifestField::prompt},
    {"caption", ManifestField::prompt},
    {"text", ManifestField::prompt},
    {"negative_prompt", ManifestField::negative_prompt},
    {"negative", ManifestField::negative_prompt},
    {"seed", ManifestField::seed},
    {"height", ManifestField::height},
    {"width", ManifestField::width},
    {"steps", ManifestField::steps},
    {"num_steps", ManifestField::steps},
    {"num_inference_steps", ManifestField::steps},
    {"guidance", ManifestField::guidance},
    {"guidance_scale", ManifestField::guidance},
    {"true_cfg", ManifestField::true_cfg},
    {"true_cfg_scale", ManifestField::true_cfg},
    {"cfg", ManifestField::true_cfg},
    {"cfg_scale", ManifestField::true_cfg},
};

constexpr int64_t kMaxSide = 16384;
constexpr int64_t kMaxSteps = 10000;
constexpr double kMaxGuidance = 1000;

std::string_view field_name(ManifestField field) {
  // The first name of a field is ours.
  return std::find_if(std::begin(kKnownNames), std::end(kKnownNames),
                      [&](const KnownName& known) { return known.field == field; })
      ->name;
}

class CellParser {
 public:
  CellParser(const std::string& manifest, int64_t line, const std::string& column, std::string_view cell)
      : manifest_(manifest), line_(line), column_(column), cell_(trim(cell)) {}

  std::optional<int32_t> whole(int64_t max) const {
    if (cell_.empty()) return std::nullopt;
    const auto value = parse_int(without_zero_fraction(cell_));
    if (!value || *value < 1 || *value > max) fail(cat("a whole number from 1 to ", max, " is needed"));
    return static_cast<int32_t>(*value);
  }

  std::optional<float> real(double max) const {
    if (cell_.empty()) return std::nullopt;
    const auto value = parse_double(cell_);
    if (!value || *value < 0 || *value > max) fail(cat("a number from 0 to ", max, " is needed"));
    return static_cast<float>(*value);
  }

  std::optional<uint64_t> seed() const {
    if (cell_.empty()) return std::nullopt;
    const auto value = parse_uint(without_zero_fraction(cell_));
    if (!value) fail("a whole number from 0 to 2^64-1 is needed");
    return value;
  }

 private:
  // "512.0" is 512: what pandas makes of whole numbers in a column with empty cells.
  static std::string_view without_zero_fraction(std::string_view cell) {
    const size_t point = cell.find('.');
    if (point == 0 || point == std::string_view::npos || point + 1 == cell.size()) return cell;
    return cell.find_first_not_of('0', point + 1) == std::string_view::npos ? cell.substr(0, point) : cell;
  }

  [[noreturn]] void fail(const std::string& rule) const {
    throw ConfigError(
        cat(manifest_, ": line ", line_, ", column '", column_, "': ", rule, ", found '", cell_, "'"),
        "correct the cell, or leave it empty for the default");
  }

  const std::string& manifest_;
  int64_t line_;
  const std::string& column_;
  std::string_view cell_;
};

void check_id(const std::string& manifest, int64_t line, const std::string& id) {
  if (id.size() > kMaxIdBytes) {
    throw ConfigError(
        cat(manifest, ": line ", line, ": an id has at most ", kMaxIdBytes, " bytes, found ", id.size()),
        "shorten it");
  }
  // Almost all are printable ASCII, and need no closer look.
  if (std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c < '\x7F'; })) return;
  for (const char32_t c : decode_utf8(id)) {
    if (is_control(c)) {
      throw ConfigError(cat(manifest, ": line ", line, ": an id must not hold control characters, found U+",
                            std::hex, std::uppercase, static_cast<uint32_t>(c)),
                        "remove it");
    }
  }
}

}  // namespace

std::optional<ManifestField> ManifestColumns::field_of(const std::string& name) const {
  if (!prompt_column_.empty() && name == prompt_column_) return ManifestField::prompt;
  const std::string lower = to_lower_ascii(name);
  for (const KnownName& known : kKnownNames) {
    if (known.name != lower) continue;
    // With --prompt-column, what else looks like a prompt is carried along.
    if (known.field == ManifestField::prompt && !prompt_column_.empty()) return std::nullopt;
    return known.field;
  }
  return std::nullopt;
}

const ManifestColumns::Column& ManifestColumns::find_or_add(const std::string& name) {
  for (const Column& column : columns_) {
    if (column.name == name) return column;
  }
  Column added{name, field_of(name), 0};
  if (added.field) {
    for (const Column& column : columns_) {
      if (column.field != added.field) continue;
      throw ConfigError(
          cat(manifest_, ": columns '", column.name, "' and '", name, "' both mean ",
              field_name(*added.field)),
          *added.field == ManifestField::prompt
              ? cat("choose one with --prompt-column ", column.name, " or --prompt-column ", name)
              : "remove one of them (for prompts, --prompt-column chooses)");
    }
  } else {
    added.further_index = further_columns_.size();
    further_columns_.push_back(stored_name(name));
  }
  columns_.push_back(std::move(added));
  return columns_.back();
}

std::string ManifestColumns::stored_name(const std::string& name) const {
  const auto refuse = [&](const std::string& rule) {
    throw ConfigError(cat(manifest_, ": column '", name, "': ", rule), "rename or remove it");
  };
  if (name.empty()) refuse("every column needs a name");
  if (name.size() > kMaxIdBytes)
    refuse(cat("a name has at most ", kMaxIdBytes, " bytes, found ", name.size()));
  // '/' and '.' have a meaning in HDF5 paths.
  if (name.find('/') != std::string::npos || name == ".") refuse("a name must not be '.' or hold '/'");
  for (const char32_t c : decode_utf8(name)) {
    if (is_control(c)) refuse("a name must not hold control characters");
  }
  std::string stored = is_sample_column(name) ? name + "_in_manifest" : name;
  if (std::find(further_columns_.begin(), further_columns_.end(), stored) != further_columns_.end()) {
    refuse(cat("it would be stored as '", stored, "', which another column is"));
  }
  return stored;
}

bool ManifestColumns::has(const std::string& name) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const Column& column) { return column.name == name; });
}

void ManifestColumns::require_prompt(const std::string& where) const {
  const auto is_prompt = [](const Column& column) { return column.field == ManifestField::prompt; };
  if (std::any_of(columns_.begin(), columns_.end(), is_prompt)) return;
  std::vector<std::string> names;
  for (const Column& column : columns_) names.push_back(column.name);
  const std::string found = cat(", found: ", join(names, ", "));
  if (prompt_column_.empty()) {
    throw ConfigError(cat(where, ": no column is called prompt, caption or text", found),
                      "name the one that holds the prompts with --prompt-column");
  }
  throw ConfigError(cat(where, ": there is no column '", prompt_column_, "'", found),
                    cat("correct --prompt-column", did_you_mean(prompt_column_, names)));
}

void ManifestColumns::set(ManifestRow& row, const Column& column, std::string& cell, int64_t line) const {
  if (!column.field) {
    if (cell.empty()) return;
    if (row.further.size() <= column.further_index) row.further.resize(column.further_index + 1);
    row.further[column.further_index].swap(cell);
    return;
  }
  const CellParser parser(manifest_, line, column.name, cell);
  switch (*column.field) {
    case ManifestField::id:
      check_id(manifest_, line, cell);
      row.id.swap(cell);
      break;
    case ManifestField::prompt:
      row.prompt.swap(cell);
      break;
    case ManifestField::negative_prompt:
      row.negative_prompt.swap(cell);
      break;
    case ManifestField::seed:
      row.seed = parser.seed();
      break;
    case ManifestField::height:
      row.height = parser.whole(kMaxSide);
      break;
    case ManifestField::width:
      row.width = parser.whole(kMaxSide);
      break;
    case ManifestField::steps:
      row.steps = parser.whole(kMaxSteps);
      break;
    case ManifestField::guidance:
      row.guidance = parser.real(kMaxGuidance);
      break;
    case ManifestField::true_cfg:
      row.true_cfg = parser.real(kMaxGuidance);
      break;
  }
}

}  // namespace ditmesh

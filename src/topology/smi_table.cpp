#include "smi_table.hpp"

#include <algorithm>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "plain_text.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMostRows =
    512;  // more are no machine but a file of another kind, and cells go as the square

// A line that is a row, before its cells are looked at.
struct RawRow {
  int line = 0;
  std::string text{};
  std::vector<std::string> words{};  // label first
};

struct Header {
  std::vector<std::string> labels{};
  bool found = false;
  bool cpu_affinity = false;
  bool numa_affinity = false;
  bool gpu_numa_id = false;

  int affinities() const { return cpu_affinity + numa_affinity + gpu_numa_id; }
};

[[noreturn]] void refuse(const std::string& where, const std::string& rule,
                         const std::string& remedy = "copy the table again as nvidia-smi topo -m prints it") {
  throw ConfigError(cat(where, ": ", rule), remedy);
}

std::string at_line(const std::string& name, int line) { return cat(name, ": line ", line); }

// Tables stand in Markdown, mails and comments; what that puts before and between the words goes.
std::string undecorated(std::string line) {
  std::replace(line.begin(), line.end(), '|', ' ');
  std::replace(line.begin(), line.end(), '`', ' ');
  const size_t begin = line.find_first_not_of("> #*\t");
  // The tabs at the front of a header are of no use, as the header is not aligned with the rows.
  return begin == std::string::npos ? std::string{} : line.substr(begin);
}

std::vector<RawRow> find_rows(const std::vector<std::string>& lines, const std::string& name) {
  std::vector<RawRow> rows;
  std::map<std::string, int> line_of;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::string> words = words_of(lines[i]);
    if (!is_smi_row(words)) continue;
    const int line = static_cast<int>(i) + 1;
    const auto [first, is_new] = line_of.emplace(words[0], line);
    if (!is_new) {
      // `topo -p2p` of a single GPU, which follows `topo -m` in reports, has nothing else to tell it by.
      if (words.size() == 2 && words[1] == "X") continue;
      refuse(at_line(name, line), cat("a second row ", words[0], ", the first is in line ", first->second),
             "give the table of one node, once");
    }
    rows.push_back({line, lines[i], std::move(words)});
    if (rows.size() > kMostRows) {
      refuse(at_line(name, line), cat("more than ", kMostRows, " rows"), "give the table of one node");
    }
  }
  return rows;
}

bool holds(const std::vector<std::string>& words, const std::vector<std::string>& phrase) {
  return std::search(words.begin(), words.end(), phrase.begin(), phrase.end()) != words.end();
}

// The line above the first row that names one of the rows.
Header find_header(const std::vector<std::string>& lines, const std::vector<RawRow>& rows) {
  constexpr int kReach = 4;
  std::set<std::string> labels;
  for (const RawRow& row : rows) labels.insert(row.words[0]);
  Header header;
  const int first = rows.front().line - 1;
  for (int i = first - 1; i >= 0 && i >= first - kReach && !header.found; --i) {
    const std::vector<std::string> words = words_of(lines[static_cast<size_t>(i)]);
    header.found =
        std::any_of(words.begin(), words.end(), [&](const auto& word) { return labels.contains(word); });
    if (!header.found) continue;
    header.cpu_affinity = holds(words, {"CPU", "Affinity"});
    header.numa_affinity = holds(words, {"NUMA", "Affinity"});
    header.gpu_numa_id = holds(words, {"GPU", "NUMA", "ID"});
    for (const std::string& word : words) {
      if (word == "CPU" || word == "NUMA" || word == "GPU") break;
      header.labels.push_back(word);
    }
  }
  return header;
}

size_t leading_cells(const RawRow& row) {
  size_t count = 0;
  while (count + 1 < row.words.size() && parse_smi_cell(row.words[count + 1])) ++count;
  return count;
}

// "GPU12", but not what a damaged header made of labels.
bool is_numbered(std::string_view label) {
  for (const std::string_view prefix : {"GPU", "NIC", "mlx5_"}) {
    if (label.starts_with(prefix)) return parse_uint(label.substr(prefix.size())).has_value();
  }
  return false;
}

// Rows that are missing show in the header, or else in that all rows are longer than there are rows.
void check_row_count(const std::vector<RawRow>& rows, const Header& header, const std::string& name) {
  std::set<std::string> labels;
  for (const RawRow& row : rows) labels.insert(row.words[0]);
  for (const std::string& label : header.labels) {
    if (!labels.contains(label) && is_numbered(label)) {
      refuse(name, cat("the row ", label, " is missing, the header has its column"));
    }
  }
  const bool all_longer = std::all_of(rows.begin(), rows.end(),
                                      [&](const RawRow& row) { return leading_cells(row) > rows.size(); });
  if (all_longer) {
    refuse(name, cat("row ", rows[0].words[0], " has ",
                     counted(static_cast<int64_t>(leading_cells(rows[0])), "cell"), " and there ",
                     rows.size() == 1 ? "is " : "are ", counted(static_cast<int64_t>(rows.size()), "row"),
                     ", so rows are missing"));
  }
}

bool is_like_affinity(std::string_view word) {
  return word == "N/A" || word.find_first_not_of("0123456789,-") == std::string_view::npos;
}

// "NV12NV12", "SYSSYS", "SYS0-31": begins with a cell and goes on.
bool is_fused(std::string_view word) {
  constexpr size_t kLongest = 64;
  if (word.size() > kLongest) return false;
  for (size_t length = word.size() - 1; length > 0; --length) {
    if (!parse_smi_cell(word.substr(0, length))) continue;
    const std::string_view rest = word.substr(length);
    if (parse_smi_cell(rest) || is_like_affinity(rest) || is_fused(rest)) return true;
  }
  return false;
}

[[noreturn]] void refuse_word(const std::string& word, const std::string& where, size_t at, size_t count) {
  if (is_like_affinity(word)) refuse(where, cat("a cell is missing, the row has ", at, " of ", count));
  if (is_fused(word)) refuse(where, cat("'", word, "' is two cells without a blank between them"));
  constexpr size_t kShown = 40;
  refuse(where, cat("'", word.substr(0, kShown), "' is none of X, NV#, PIX, PXB, PHB, NODE and SYS"));
}

std::vector<SmiCell> read_cells(const std::vector<RawRow>& rows, size_t index, const std::string& name) {
  const RawRow& row = rows[index];
  std::vector<SmiCell> cells;
  for (size_t column = 0; column < rows.size(); ++column) {
    const std::string where =
        cat(at_line(name, row.line), ": row ", row.words[0], ", column ", rows[column].words[0]);
    if (column + 1 >= row.words.size()) {
      refuse(where, cat("a cell is missing, the row has ", column, " of ", rows.size()));
    }
    const std::string& word = row.words[column + 1];
    const auto cell = parse_smi_cell(word);
    if (!cell) refuse_word(word, where, column, rows.size());
    if (cell->relation == SmiRelation::self && column != index) {
      refuse(where,
             cat("X stands for the device itself, ",
                 column < index ? "so a cell before it is missing" : "so a cell before it is too many"));
    }
    if (cell->relation != SmiRelation::self && column == index) {
      refuse(where, cat("X must stand there, found ", word));
    }
    cells.push_back(*cell);
  }
  if (leading_cells(row) > rows.size()) {
    refuse(cat(at_line(name, row.line), ": row ", row.words[0]),
           cat(counted(static_cast<int64_t>(leading_cells(row)), "cell"), " where there are ",
               counted(static_cast<int64_t>(rows.size()), "row")));
  }
  return cells;
}

std::string known(std::string_view affinity) {
  return affinity == "N/A" || affinity == "n/a" ? std::string{} : std::string(trim(affinity));
}

// The words behind the cells. Where one is empty, the tabs say which; blanks cannot, so then it is not known.
void read_affinities(const RawRow& raw, const Header& header, size_t cells, SmiRow& row) {
  std::vector<std::string> words(raw.words.begin() + 1 + static_cast<std::ptrdiff_t>(cells), raw.words.end());
  if (words.empty()) return;
  if (!header.found || static_cast<int>(words.size()) >= header.affinities()) {
    const bool numa_only = header.found && !header.cpu_affinity;
    if (!numa_only) row.cpu_affinity = known(words[0]);
    if (numa_only) row.numa_affinity = known(words[0]);
    if (!numa_only && words.size() > 1) row.numa_affinity = known(words[1]);
    return;
  }
  const std::vector<std::string> fields = split(raw.text, '\t');
  if (fields.size() >= cells + 3) {
    row.cpu_affinity = known(fields[cells + 1]);
    row.numa_affinity = known(fields[cells + 2]);
    return;
  }
  // "GPU NUMA ID" is never empty, so it is the last word.
  if (header.gpu_numa_id) words.pop_back();
  for (const std::string& word : words) {
    if (word.find_first_of("-,") != std::string::npos) row.cpu_affinity = known(word);
  }
}

void check_symmetric(const std::vector<SmiRow>& rows, const std::string& name) {
  for (size_t a = 0; a < rows.size(); ++a) {
    for (size_t b = a + 1; b < rows.size(); ++b) {
      if (rows[a].cells[b] == rows[b].cells[a]) continue;
      refuse(cat(at_line(name, rows[b].line), ": row ", rows[b].label, ", column ", rows[a].label),
             cat("found ", rows[b].cells[a], ", but row ", rows[a].label, ", column ", rows[b].label, " has ",
                 rows[a].cells[b]));
    }
  }
}

// "NIC0: mlx5_0", one or several a line.
std::map<std::string, std::string> find_nic_names(const std::vector<std::string>& lines,
                                                  const std::vector<SmiRow>& rows) {
  std::set<std::string> labels;
  for (const SmiRow& row : rows) {
    if (!row.is_gpu()) labels.insert(row.label + ":");
  }
  std::map<std::string, std::string> names;
  for (const std::string& line : lines) {
    const std::vector<std::string> words = words_of(line);
    if (words.empty() || !labels.contains(words[0])) continue;
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      if (labels.contains(words[i])) names.emplace(words[i].substr(0, words[i].size() - 1), words[i + 1]);
    }
  }
  return names;
}

}  // namespace

SmiTable read_smi_table(std::string_view text, const std::string& name) {
  std::vector<std::string> lines = plain_lines(text);
  for (std::string& line : lines) line = undecorated(std::move(line));
  const std::vector<RawRow> raw_rows = find_rows(lines, name);
  SmiTable table;
  if (raw_rows.empty()) return table;
  const Header header = find_header(lines, raw_rows);
  check_row_count(raw_rows, header, name);
  for (size_t i = 0; i < raw_rows.size(); ++i) {
    const RawRow& raw = raw_rows[i];
    SmiRow row{.label = raw.words[0], .line = raw.line, .cells = read_cells(raw_rows, i, name)};
    read_affinities(raw, header, row.cells.size(), row);
    table.rows.push_back(std::move(row));
  }
  check_symmetric(table.rows, name);
  table.nic_names = find_nic_names(lines, table.rows);
  return table;
}

}  // namespace ditmesh

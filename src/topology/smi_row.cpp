#include <algorithm>
#include <ostream>

#include "ditmesh/base/text.hpp"
#include "smi_table.hpp"

namespace ditmesh {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// GPU0, NIC0, mlx5_0, hsn0, bnxt_re0, rocep49s0f1, …: a letter first, a digit somewhere.
bool may_be_label(std::string_view word) {
  constexpr size_t kLongest = 64;
  if (word.empty() || word.size() > kLongest || !is_letter(word.front()) || parse_smi_cell(word))
    return false;
  return std::any_of(word.begin(), word.end(), is_digit) && std::all_of(word.begin(), word.end(), [](char c) {
           return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
         });
}

bool is_gpu_or_nic_label(std::string_view word) {
  for (const std::string_view prefix : {"GPU", "NIC", "mlx4_", "mlx5_"}) {
    if (word.size() > prefix.size() && word.starts_with(prefix) && may_be_label(word)) return true;
  }
  return false;
}

bool is_p2p_status(std::string_view word) {
  constexpr std::string_view kStatuses[] = {"OK", "CNS", "GNS", "TNS", "NS", "DR", "U"};
  return std::find(std::begin(kStatuses), std::end(kStatuses), word) != std::end(kStatuses);
}

}  // namespace

std::string_view to_string(SmiRelation relation) {
  constexpr std::string_view kNames[] = {"X", "NV#", "PIX", "PXB", "PHB", "NODE", "SYS"};
  return kNames[static_cast<size_t>(relation)];
}

std::ostream& operator<<(std::ostream& out, const SmiCell& cell) {
  if (cell.relation == SmiRelation::nvlink) return out << "NV" << cell.nvlinks;
  return out << to_string(cell.relation);
}

bool SmiRow::is_gpu() const {
  return label.size() > 3 && label.starts_with("GPU") &&
         std::all_of(label.begin() + 3, label.end(), is_digit);
}

std::optional<SmiCell> parse_smi_cell(std::string_view word) {
  constexpr int64_t kMostLinks = 999;
  for (const SmiRelation relation : {SmiRelation::self, SmiRelation::pix, SmiRelation::pxb, SmiRelation::phb,
                                     SmiRelation::node, SmiRelation::sys}) {
    if (word == to_string(relation)) return SmiCell{relation};
  }
  if (word == "SOC") return SmiCell{SmiRelation::sys};
  if (!word.starts_with("NV") || word.size() < 3 || !is_digit(word[2])) return std::nullopt;
  const auto links = parse_int(word.substr(2));
  if (!links || *links < 1 || *links > kMostLinks) return std::nullopt;
  return SmiCell{SmiRelation::nvlink, static_cast<int>(*links)};
}

bool is_smi_p2p_row(const std::vector<std::string>& words) {
  if (words.size() < 2 || !is_gpu_or_nic_label(words[0])) return false;
  const auto cells_begin = words.begin() + 1;
  return std::any_of(cells_begin, words.end(), is_p2p_status) &&
         std::all_of(cells_begin, words.end(),
                     [](const std::string& word) { return word == "X" || is_p2p_status(word); });
}

bool is_smi_row(const std::vector<std::string>& words) {
  if (words.size() < 2 || !may_be_label(words[0]) || is_smi_p2p_row(words)) return false;
  if (parse_smi_cell(words[1])) return true;
  // A row whose first cell is damaged is still a row, to be refused by name.
  return is_gpu_or_nic_label(words[0]) && !may_be_label(words[1]) &&
         std::any_of(words.begin() + 2, words.end(),
                     [](const std::string& word) { return parse_smi_cell(word).has_value(); });
}

}  // namespace ditmesh

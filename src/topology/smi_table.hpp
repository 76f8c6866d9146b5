#pragma once
// The table of `nvidia-smi topo -m` as text: rows, cells, affinities and the names of NICs.
//
//         GPU0  GPU1  NIC0  CPU Affinity  NUMA Affinity
//   GPU0   X    NV4   PIX   0-15          0
//   GPU1  NV4    X    SYS   16-31         1
//   NIC0  PIX   SYS    X
//
// The header is often shifted or cut where people copied it, so rows rule: with n rows, the first n words
// after a row's label are its cells, in the order of the rows. The header only says what the words behind
// them are.

#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// How two devices reach each other, the closest first.
enum class SmiRelation { self, nvlink, pix, pxb, phb, node, sys };
/// "PIX"
std::string_view to_string(SmiRelation relation);

struct SmiCell {
  SmiRelation relation = SmiRelation::self;
  int nvlinks = 0;  // of SmiRelation::nvlink

  bool operator==(const SmiCell&) const = default;
};

std::ostream& operator<<(std::ostream& out, const SmiCell& cell);

/// "NV12", "PIX", "X", "SOC" (as SYS was once called), …
std::optional<SmiCell> parse_smi_cell(std::string_view word);

struct SmiRow {
  std::string label{};  // "GPU0", "NIC3", "mlx5_0"
  int line = 0;         // from 1
  std::vector<SmiCell> cells{};
  std::string cpu_affinity{};   // "0-15,32-47"; empty: the table does not say
  std::string numa_affinity{};  // "0", "0-1"

  bool is_gpu() const;  // "GPU" and a number
};

struct SmiTable {
  std::vector<SmiRow> rows{};
  std::map<std::string, std::string> nic_names{};  // "NIC0" → "mlx5_0", where a legend says it
};

/// Whether the line, split into words, is a row of `topo -m`; of `topo -p2p`.
bool is_smi_row(const std::vector<std::string>& words);
bool is_smi_p2p_row(const std::vector<std::string>& words);

/// The first table of the text, cells checked for being square and symmetric; without rows if there is none.
/// Throws ConfigError naming line, row and column.
SmiTable read_smi_table(std::string_view text, const std::string& name);

}  // namespace ditmesh

#pragma once
// Slurm's short form of many names.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// More names than any cluster has: a longer list is a slip, and would fill the memory.
inline constexpr int64_t kMaxHosts = 1 << 20;

/// "node[1-3,7],login" → node1 node2 node3 node7 login. Widths of numbers are kept (n[08-10] → n08 n09 n10),
/// duplicates and order too; several brackets and a suffix after the last are allowed; blanks after commas
/// too. As in Slurm, of several brackets the last runs fastest and the first fastest among the others:
/// r[0,1]_b[2-3]_c[4,5] → r0_b2_c4 r0_b2_c5 r1_b2_c4 r1_b2_c5 r0_b3_c4 …
/// Throws ConfigError naming `what` for brackets that do not close, ranges that fall or are not of decimal
/// numbers, and lists of more than kMaxHosts names.
std::vector<std::string> expand_hostlist(std::string_view text, std::string_view what);

/// The other way: names in order, runs of consecutive numbers in brackets. Expands to the same names.
std::string compress_hostlist(const std::vector<std::string>& names);

}  // namespace ditmesh

#include "nic_kind.hpp"

#include <string>
#include <utility>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

NicKind nic_kind_of_name(std::string_view name) {
  // The prefixes of RDMA devices are those of rdma-core's rdma_rename: ib, roce, and rdma for what is
  // neither, which in practice is EFA. Bonds of mlx5 exist for Ethernet ports only.
  static constexpr std::pair<std::string_view, NicKind> kPrefixes[] = {
      {"hsn", NicKind::slingshot},  {"cxi", NicKind::slingshot},   {"efa", NicKind::efa},
      {"rdmap", NicKind::efa},      {"mlx5_bond", NicKind::roce},  {"roce", NicKind::roce},
      {"bnxt_re", NicKind::roce},   {"ib", NicKind::infiniband},   {"eth", NicKind::ethernet},
      {"eno", NicKind::ethernet},   {"enp", NicKind::ethernet},    {"ens", NicKind::ethernet},
      {"enx", NicKind::ethernet},   {"enP", NicKind::ethernet},    {"bond", NicKind::ethernet},
      {"br-", NicKind::ethernet},   {"docker", NicKind::ethernet}, {"veth", NicKind::ethernet},
      {"virbr", NicKind::ethernet}, {"cni", NicKind::ethernet},    {"flannel", NicKind::ethernet},
      {"cali", NicKind::ethernet},  {"siw_", NicKind::ethernet}};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (name.starts_with(prefix)) return kind;
  }
  return NicKind::unknown;
}

}  // namespace ditmesh

#pragma once

#include <string_view>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// What the name of a NIC alone says about it; unknown for mlx5_0 and others that come as InfiniBand and as
/// RoCE.
NicKind nic_kind_of_name(std::string_view name);

}  // namespace ditmesh

#pragma once
// What a device reaches of what it could do: `ditmesh bench --calibrate`.

#include "ditmesh/topology/cluster.hpp"
#include "rank_device.hpp"

namespace ditmesh {

/// Its model with measured shares, as topology/devices has them, from products, attention, convolutions and
/// copies of FLUX.1's sizes; takes some seconds on a GPU. Of a model that is not known, the best figures
/// measured count as what it could do.
DeviceModel calibrate(const RankDevice& device);

}  // namespace ditmesh

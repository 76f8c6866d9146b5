#pragma once
// The tree of places in which devices stand, from how each pair of them reaches each other.
//
// Relations nest: what shares a switch (PIX) also shares the switches above (PXB), the host bridge (PHB) and
// the NUMA domain (NODE). So a level's groups are what its relations and all closer ones connect:
//
//   GPU0 PIX NIC0, GPU1 PIX NIC1, GPU0 PXB GPU1, both NODE GPU2:
//   {GPU0 NIC0} {GPU1 NIC1}  two switches  ┐
//   {GPU0 NIC0 GPU1 NIC1}    one above     ├ one NUMA domain, GPU2 directly in it
//   {… GPU2}                               ┘
//
// NV# hides the PCIe relation of two devices. What they have in common then follows from their relations to
// others (both PIX to one NIC), and, for the NUMA domain alone, from their affinities.

#include <string>
#include <vector>

#include "ditmesh/topology/cluster.hpp"
#include "smi_table.hpp"

namespace ditmesh {

struct SmiPlaces {
  std::vector<Place> places{};
  std::vector<int> place_of_row{};  // -1: the table does not say
};

/// Adds to `remarks` what the table contradicts itself in, or does not say.
SmiPlaces find_places(const SmiTable& table, std::vector<std::string>& remarks);

}  // namespace ditmesh

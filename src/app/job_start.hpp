#pragma once
// How the ranks of a job stand on their nodes, known to all of them, and what follows from it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/topology/assignment.hpp"

namespace ditmesh {

/// The same on all ranks.
struct JobStart {
  std::vector<RankStart> ranks{};
  /// Devices that must not be used, "node bus_id", and why.
  std::map<std::string, std::string> faults{};
  /// Of each node the cores of its NUMA domains, hardware threads of one core side by side.
  std::map<std::string, std::vector<std::vector<int>>> numa_domains{};

  std::vector<std::string> unhealthy() const;
};

/// What one rank says of itself and its devices; the first rank of a node of the node too.
struct StartReport {
  RankStart rank{};
  bool speaks_for_node = false;
  std::map<std::string, std::string> faults{};  // by bus id
  std::vector<std::vector<int>> numa_domains{};

  std::string to_text() const;
  static StartReport from_text(const std::string& text);
};

JobStart start_of(const std::vector<StartReport>& reports);

/// All ranks together. `with_devices`: false leaves GPUs out, as --device cpu does. A node's NUMA domains are
/// looked up where several ranks are on it.
JobStart gather_start(const MpiSession& mpi, bool with_devices);

/// The device of each rank; nothing if the job runs on the CPU. `choice` is that of --device. Throws
/// WrongStart.
std::optional<std::vector<AssignedDevice>> take_devices(const JobStart& start, const std::string& choice,
                                                        bool share);

/// GPUs that are left out, as told to the user: unhealthy ones, and those without a rank.
std::vector<std::string> remarks_on_devices(const JobStart& start,
                                            const std::vector<AssignedDevice>& assigned);

}  // namespace ditmesh

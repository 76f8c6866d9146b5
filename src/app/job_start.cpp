#include "job_start.hpp"

#include <algorithm>
#include <cstdlib>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/discovery/host_tree.hpp"
#include "ditmesh/discovery/nvml.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/topology/bus_id.hpp"
#include "host.hpp"

namespace ditmesh {

namespace {

// DITMESH_TEST_DEVICES=IDS;IDS;… plays GPUs: what rank 0, rank 1, … see, with commas between them.
std::vector<std::string> visible_devices(int rank) {
  std::vector<std::string> ids;
  if (const char* played = std::getenv("DITMESH_TEST_DEVICES")) {
    const auto of_ranks = split(played, ';');
    if (static_cast<size_t>(rank) < of_ranks.size() && !of_ranks[static_cast<size_t>(rank)].empty())
      ids = split(of_ranks[static_cast<size_t>(rank)], ',');
  } else {
    ids = visible_device_ids();
  }
  for (std::string& id : ids) id = canonical_bus_id(id);
  return ids;
}

StartReport report_of(const MpiSession& mpi, bool with_devices) {
  StartReport report;
  report.rank.node = MpiSession::host_name();
  if (with_devices) report.rank.visible = visible_devices(mpi.rank());
  report.rank.cores = bound_cores();
  if (!report.rank.visible.empty()) {
    std::string problem;  // without NVML a device counts as healthy
    for (const NvmlGpu& gpu : read_nvml(problem)) {
      if (!gpu.fault.empty()) report.faults[gpu.bus_id] = gpu.fault;
    }
  }
  report.speaks_for_node = mpi.node_rank() == 0;
  // A single rank keeps all cores that it has.
  if (report.speaks_for_node && mpi.node_size() > 1) report.numa_domains = numa_domains(read_host_tree());
  return report;
}

}  // namespace

std::string StartReport::to_text() const {
  return Json{{"node", rank.node},   {"visible", rank.visible},
              {"cores", rank.cores}, {"speaks_for_node", speaks_for_node},
              {"faults", faults},    {"numa_domains", numa_domains}}
      .dump();
}

StartReport StartReport::from_text(const std::string& text) {
  const Json json = Json::parse(text);
  StartReport report;
  json.at("node").get_to(report.rank.node);
  json.at("visible").get_to(report.rank.visible);
  json.at("cores").get_to(report.rank.cores);
  json.at("speaks_for_node").get_to(report.speaks_for_node);
  json.at("faults").get_to(report.faults);
  json.at("numa_domains").get_to(report.numa_domains);
  return report;
}

std::vector<std::string> JobStart::unhealthy() const {
  std::vector<std::string> devices;
  for (const auto& [device, fault] : faults) devices.push_back(device);
  return devices;
}

JobStart start_of(const std::vector<StartReport>& reports) {
  JobStart start;
  for (const StartReport& report : reports) {
    start.ranks.push_back(report.rank);
    for (const auto& [device, fault] : report.faults)
      start.faults[cat(report.rank.node, " ", device)] = fault;
    if (report.speaks_for_node) start.numa_domains[report.rank.node] = report.numa_domains;
  }
  return start;
}

JobStart gather_start(const MpiSession& mpi, bool with_devices) {
  std::vector<StartReport> reports;
  for (const std::string& text : mpi.all_gather(report_of(mpi, with_devices).to_text()))
    reports.push_back(StartReport::from_text(text));
  return start_of(reports);
}

std::optional<std::vector<AssignedDevice>> take_devices(const JobStart& start, const std::string& choice,
                                                        bool share) {
  if (choice == "cpu") return std::nullopt;
  const bool is_blind = std::all_of(start.ranks.begin(), start.ranks.end(),
                                    [](const RankStart& rank) { return rank.visible.empty(); });
  if (is_blind && choice == "cuda") {
    throw WrongStart("--device cuda: no rank sees a CUDA device",
                     "check the driver and CUDA_VISIBLE_DEVICES, or give --device cpu");
  }
  if (is_blind) return std::nullopt;
  return assign_devices(start.ranks, share, start.unhealthy());
}

std::vector<std::string> remarks_on_devices(const JobStart& start,
                                            const std::vector<AssignedDevice>& assigned) {
  std::vector<std::string> remarks;
  for (const auto& [device, fault] : start.faults) {
    const bool is_seen = std::any_of(start.ranks.begin(), start.ranks.end(), [&](const RankStart& rank) {
      return std::any_of(rank.visible.begin(), rank.visible.end(),
                         [&](const std::string& id) { return cat(rank.node, " ", id) == device; });
    });
    if (is_seen) remarks.push_back(cat("the GPU ", device, " is not used: ", fault));
  }
  if (const auto idle = idle_devices(start.ranks, assigned, start.unhealthy()))
    remarks.push_back(cat(idle->rule, ": ", idle->remedy));
  return remarks;
}

}  // namespace ditmesh

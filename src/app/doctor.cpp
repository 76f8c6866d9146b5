// `ditmesh doctor`: what this machine has, what it lacks, and what to do about it.

#include <ATen/Version.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <optional>

#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/folder_probe.hpp"
#include "ditmesh/dataset/text_renderer.hpp"
#include "ditmesh/kernels/device.hpp"
#include "finding.hpp"
#include "host.hpp"
#include "job_start.hpp"
#include "machine_findings.hpp"
#include "rank_errors.hpp"
#include "rank_facts.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLittleSpace = uint64_t{10} << 30;
constexpr double kSlowSync_ms = 200;
constexpr int32_t kFontSize_px = 12;

std::vector<Finding> judge_libraries() {
  std::vector<Finding> findings;
  findings.push_back({"LibTorch", Verdict::ok,
                      cat(torch_version(), ", ", has_cuda_library() ? "with CUDA" : "for the CPU only",
                          ", CPU kernels for ", at::get_cpu_capability(), " (", cpu_model(), ")")});
  if (hdf5_has_deflate()) {
    findings.push_back({"HDF5", Verdict::ok, cat(hdf5_version(), ", with deflate")});
  } else {
    findings.push_back({"HDF5", Verdict::wrong, cat(hdf5_version(), " was built without deflate"),
                        "use an HDF5 with zlib: shards are compressed"});
  }
  const TextRenderer text(kFontSize_px);
  findings.push_back(
      {"fonts", text.available() ? Verdict::ok : Verdict::warning,
       text.available() ? "captions on contact sheets" : "none: contact sheets have no captions",
       text.available() ? "" : "install one (Debian: fonts-dejavu-core, fonts-noto-cjk)"});
  const bool has_gnuplot = std::system("command -v gnuplot >/dev/null 2>&1") == 0;
  findings.push_back({"gnuplot", has_gnuplot ? Verdict::ok : Verdict::warning,
                      has_gnuplot ? "ditmesh trace --plot" : "not there: ditmesh trace --plot cannot draw",
                      has_gnuplot ? "" : "install it with its pngcairo terminal (Debian: gnuplot-nox)"});
  return findings;
}

std::vector<Finding> judge_folder(const FolderProbe& probe, size_t num_hosts) {
  std::vector<Finding> findings;
  const std::string folder = probe.folder.string();
  const bool is_little = probe.free_bytes < kLittleSpace;
  findings.push_back(
      {"disk", is_little ? Verdict::warning : Verdict::ok,
       cat(human_bytes(probe.free_bytes), " free in ", folder),
       is_little ? "a picture of 1024x1024 takes about 2.3 MB: generate says what a job needs" : ""});
  if (!probe.write_error.empty()) {
    findings.push_back({"file system", Verdict::wrong, cat(folder, " cannot be written: ", probe.write_error),
                        "give a folder of yours with --output"});
    return findings;
  }
  if (probe.is_in_memory) {
    findings.push_back({"file system", Verdict::warning, cat(probe.file_system, " is memory of this host"),
                        "what is there is gone with the host, and no other host sees it"});
  } else if (num_hosts > 1 && !probe.is_network) {
    findings.push_back({"file system", Verdict::warning,
                        cat(probe.file_system, " is usually of one host, the ranks run on ", num_hosts),
                        "give a folder that all hosts share"});
  } else {
    findings.push_back({"file system", Verdict::ok, probe.file_system});
  }
  const bool is_slow = probe.sync_ms > kSlowSync_ms;
  findings.push_back(
      {"fsync", is_slow ? Verdict::warning : Verdict::ok,
       cat("a small file is on disk after ", std::fixed, std::setprecision(1), probe.sync_ms, " ms"),
       is_slow ? "every batch is synced, off the generating thread: with small pictures that may hold "
                 "a job up"
               : ""});
  if (probe.rename_error.empty()) {
    findings.push_back({"rename", Verdict::ok, "replaces a file at once"});
  } else {
    findings.push_back(
        {"rename", Verdict::wrong, probe.rename_error, "give a folder on another file system"});
  }
  findings.push_back(
      {"lock", probe.has_locks ? Verdict::ok : Verdict::warning,
       probe.has_locks ? "a second job is told" : "the file system has no locks",
       probe.has_locks ? "" : "take care that no two jobs write there (Lustre: mount with -o flock)"});
  if (probe.hdf5_error.empty()) {
    findings.push_back({"HDF5", Verdict::ok, "files are written and read there"});
  } else {
    findings.push_back({"HDF5", Verdict::wrong, probe.hdf5_error, "give a folder on another file system"});
  }
  return findings;
}

// All ranks together: whether they see each other's files.
Finding judge_shared_folder(const MpiSession& mpi, const fs::path& folder, size_t num_hosts) {
  try {
    check_shared_folder(mpi, folder);
  } catch (const AgreedError& error) {
    return {"other hosts", Verdict::wrong, error.what(), ""};
  }
  if (num_hosts > 1) {
    return {"other hosts", Verdict::ok, cat("the ranks on ", num_hosts, " hosts see each other's files")};
  }
  return {"other hosts", Verdict::ok,
          "all ranks run on one host: whether another one sees its files was not tried"};
}

size_t count_hosts(const MpiSession& mpi) {
  std::vector<std::string> hosts;
  for (int rank = 0; rank < mpi.size(); ++rank) hosts.push_back(mpi.host_of(rank));
  std::sort(hosts.begin(), hosts.end());
  return static_cast<size_t>(std::unique(hosts.begin(), hosts.end()) - hosts.begin());
}

void append(std::vector<Finding>& findings, std::vector<Finding> more) {
  findings.insert(findings.end(), more.begin(), more.end());
}

// The one that generate would take; none where it would refuse the start.
std::optional<AssignedDevice> device_of(int rank, const JobStart& start, bool share) {
  try {
    const auto assigned = take_devices(start, "auto", share);
    return assigned ? std::optional((*assigned)[static_cast<size_t>(rank)]) : std::nullopt;
  } catch (const WrongStart&) {  // it is among the findings
    return std::nullopt;
  }
}

ExitCode run_doctor(const Command& command, const ProgramArguments& arguments) {
  // MPI_Init adds to it.
  const LauncherEnvironment environment = launcher_environment();
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  return run_together(mpi, command, [&] {
    const auto options = share_options(mpi, command, arguments);
    if (!options) return ExitCode::done;
    const bool share = options->flag("share-devices");
    const JobStart start = gather_start(mpi, true);
    const auto texts = mpi.all_gather(collect_facts(mpi, device_of(mpi.rank(), start, share)).to_text());
    const size_t num_hosts = count_hosts(mpi);
    std::vector<Finding> findings;
    FolderProbe probe;
    share_error(mpi, [&] {
      std::vector<RankFacts> ranks;
      for (const std::string& text : texts) ranks.push_back(RankFacts::from_text(text));
      append(findings, judge_mpi(ranks, environment));
      append(findings, judge_devices(ranks, start, share));
      append(findings, judge_libraries());
      append(findings, judge_limits(ranks));
      probe = probe_folder(options->text("output"));
      append(findings, judge_folder(probe, num_hosts));
      append(findings, judge_slurm(ranks, environment, std::chrono::system_clock::now()));
    });
    const std::string folder = mpi.broadcast(probe.write_error.empty() ? probe.folder.string() : "");
    if (!folder.empty()) findings.push_back(judge_shared_folder(mpi, folder, num_hosts));
    if (mpi.rank() == 0)
      std::cout << (options->flag("json") ? to_json(findings).dump(2) + "\n" : to_text(findings));
    return share_code(mpi, verdict_of(findings) == Verdict::wrong ? ExitCode::environment : ExitCode::done);
  });
}

}  // namespace

Command doctor_command() {
  return {{"doctor",
           "Says what this machine has and lacks for a job; start it as the job will be started.",
           "[--output DIR] [--share-devices] [--json]",
           {},
           {{"output", OptionKind::text, "DIR", ".",
             "where datasets are to be: its file system is tried out with small files"},
            {"share-devices", OptionKind::flag, "", "",
             "the job will be given it: more ranks than GPUs are right"},
            {"json", OptionKind::flag, "", "", "print JSON"}},
           {"mpirun -n 8 ditmesh doctor --output /scratch/cats"}},
          run_doctor};
}

}  // namespace ditmesh

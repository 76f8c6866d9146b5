#include "machine_findings.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "ditmesh/base/text.hpp"
#include "ditmesh/base/utc_time.hpp"

namespace ditmesh {

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kLittleMemory = 4 * kGiB;         // of a rank: less holds no model that is worth it
constexpr uint64_t kLittleSharedMemory = kGiB / 16;  // of a rank: Open MPI's segments
constexpr int64_t kFewOpenFiles = 1024;
constexpr double kBusyShare = 0.1;  // of a device's memory that others hold
constexpr auto kLittleTime = std::chrono::minutes(10);

std::string value_of(const LauncherEnvironment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

int64_t number_of(const LauncherEnvironment& environment, const std::string& name) {
  return parse_int(value_of(environment, name)).value_or(0);
}

std::map<std::string, std::vector<const RankFacts*>> by_host(const std::vector<RankFacts>& ranks) {
  std::map<std::string, std::vector<const RankFacts*>> hosts;
  for (const RankFacts& rank : ranks) hosts[rank.host].push_back(&rank);
  return hosts;
}

Finding launcher(const std::vector<RankFacts>& ranks, const LauncherEnvironment& environment) {
  const auto num_ranks = static_cast<int64_t>(ranks.size());
  if (const auto trouble = trouble_of(launch_of(environment, static_cast<int>(num_ranks)))) {
    return {"launcher", Verdict::wrong, trouble->rule, trouble->remedy};
  }
  const std::string how = environment.contains("OMPI_COMM_WORLD_SIZE") ? "mpirun"
                          : environment.contains("PMIX_RANK")          ? "srun with PMIx"
                                                                       : "hand, without mpirun";
  const std::string where =
      cat(counted(num_ranks, "rank"), " on ", counted(static_cast<int64_t>(by_host(ranks).size()), "host"));
  if (num_ranks > 1) return {"launcher", Verdict::ok, cat(where, ", started by ", how)};
  return {"launcher", Verdict::ok, cat(where, ", started by ", how),
          "start it as the job will be, 'mpirun -n N ditmesh doctor', to look at all ranks and hosts"};
}

Finding same_versions(const std::vector<RankFacts>& ranks) {
  for (const RankFacts& rank : ranks) {
    if (rank.versions == ranks.front().versions) continue;
    return {"versions", Verdict::wrong,
            cat("rank 0 on ", ranks.front().host, " has ", ranks.front().versions, "; rank ", rank.rank,
                " on ", rank.host, " has ", rank.versions),
            "install the same build on both hosts"};
  }
  return {"versions", Verdict::ok, ranks.front().versions};
}

// Ranks on the CPU want a core each; those of a GPU too, for launching its kernels.
Finding binding(const std::vector<RankFacts>& ranks) {
  for (const auto& [host, there] : by_host(ranks)) {
    std::set<int> cores;
    for (const RankFacts* rank : there) cores.insert(rank->cores.begin(), rank->cores.end());
    if (cores.size() < there.size()) {
      return {"binding", Verdict::warning,
              cat(there.size(), " ranks share ", counted(static_cast<int64_t>(cores.size()), "core"), " on ",
                  host, ", which has ", there.front()->num_host_cores),
              "start at most a rank per core, and bind them apart: mpirun --bind-to core, or --bind-to none; "
              "under Slurm --cpus-per-task"};
    }
  }
  size_t least = ranks.front().cores.size();
  size_t most = least;
  for (const RankFacts& rank : ranks) {
    least = std::min(least, rank.cores.size());
    most = std::max(most, rank.cores.size());
  }
  const std::string each = least == most ? cat(least) : cat(least, " to ", most);
  if (ranks.size() == 1 && least == 1 && ranks.front().num_host_cores > 1) {
    return {"binding", Verdict::warning,
            cat("this rank may use 1 of ", ranks.front().num_host_cores, " cores"),
            "mpirun --bind-to none lets it use all (--threads)"};
  }
  return {"binding", Verdict::ok,
          cat(ranks.size() == 1 ? "this rank may use " : "each rank may use ", each, " of ",
              ranks.front().num_host_cores, " cores")};
}

Finding no_devices(const RankFacts& first) {
  const std::string none = "no CUDA device: pictures are made on the CPU";
  if (first.num_host_gpus > 0 && !first.has_cuda_library) {
    return {"devices", Verdict::warning,
            cat(none, ", although ", first.host, " has ", counted(first.num_host_gpus, "NVIDIA GPU")),
            "this program was built without CUDA: build it with -DDITMESH_CUDA=ON"};
  }
  if (first.num_host_gpus > 0) {
    return {"devices", Verdict::wrong,
            cat(none, ", although ", first.host, " has ", counted(first.num_host_gpus, "NVIDIA GPU"),
                " (CUDA_VISIBLE_DEVICES ", first.visible_devices, ")"),
            "look at nvidia-smi and CUDA_VISIBLE_DEVICES; a driver that is too old for CUDA is such a case "
            "too"};
  }
  return {"devices", Verdict::ok, none};
}

// "1 GPU for each rank", "1 to 8 GPUs for a rank to see".
std::string seen_devices(const JobStart& start) {
  size_t least = start.ranks.front().visible.size();
  size_t most = least;
  for (const RankStart& rank : start.ranks) {
    least = std::min(least, rank.visible.size());
    most = std::max(most, rank.visible.size());
  }
  return least == most ? counted(static_cast<int64_t>(most), "CUDA device")
                       : cat(least, " to ", most, " CUDA devices");
}

// Each rank's device, as generate would choose it.
std::vector<Finding> assignment(const std::vector<RankFacts>& ranks, const JobStart& start, bool share) {
  try {
    const auto assigned = take_devices(start, "auto", share);
    if (!assigned) return {no_devices(ranks.front())};
    const RankFacts& first = ranks.front();
    std::vector<Finding> findings = {
        {"devices", Verdict::ok,
         cat(seen_devices(start), " a rank can see: ", first.device.model, ", ",
             human_bytes(first.device.total_bytes), ", driver ", first.driver.empty() ? "?" : first.driver)}};
    for (const std::string& remark : remarks_on_devices(start, *assigned))
      findings.push_back({"devices", Verdict::warning, remark, ""});
    return findings;
  } catch (const WrongStart& error) {
    return {{"devices", Verdict::wrong, error.rule(), error.remedy()}};
  }
}

}  // namespace

std::vector<Finding> judge_mpi(const std::vector<RankFacts>& ranks, const LauncherEnvironment& environment) {
  return {launcher(ranks, environment), same_versions(ranks), binding(ranks)};
}

std::vector<Finding> judge_devices(const std::vector<RankFacts>& ranks, const JobStart& start, bool share) {
  std::vector<Finding> findings = assignment(ranks, start, share);
  for (const RankFacts& rank : ranks) {
    if (rank.device.model == ranks.front().device.model) continue;
    findings.push_back({"devices", Verdict::warning,
                        cat("rank 0 on ", ranks.front().host, " has a ", ranks.front().device.model,
                            ", rank ", rank.rank, " on ", rank.host, " a ", rank.device.model),
                        "a picture's bits depend on the model: take hosts of one kind, or give "
                        "--allow-different-numerics"});
    break;
  }
  for (const RankFacts& rank : ranks) {
    const uint64_t held = rank.device.total_bytes - std::min(rank.device.free_bytes, rank.device.total_bytes);
    if (static_cast<double>(held) <= kBusyShare * static_cast<double>(rank.device.total_bytes)) continue;
    findings.push_back({"devices", Verdict::warning,
                        cat("of the device of rank ", rank.rank, " on ", rank.host, " ", human_bytes(held),
                            " of ", human_bytes(rank.device.total_bytes), " are in use by others"),
                        "look at nvidia-smi, and end what still runs there"});
  }
  return findings;
}

std::vector<Finding> judge_limits(const std::vector<RankFacts>& ranks) {
  std::vector<Finding> findings;
  const RankFacts* least = nullptr;
  const auto each = [](const RankFacts& rank) {
    return rank.memory_bytes / static_cast<uint64_t>(rank.node_size);
  };
  for (const RankFacts& rank : ranks) {
    if (least == nullptr || each(rank) < each(*least)) least = &rank;
  }
  const bool is_little = each(*least) < kLittleMemory;
  findings.push_back(
      {"memory", is_little ? Verdict::warning : Verdict::ok,
       cat(human_bytes(each(*least)), " available to each rank of ", least->host),
       is_little
           ? "FLUX.1 reads 24 GB of weights, its T5 9.5 GB: start fewer ranks, ask for more memory, or give "
             "--text-encoder release"
           : ""});
  for (const RankFacts& rank : ranks) {
    const uint64_t wanted = kLittleSharedMemory * static_cast<uint64_t>(rank.node_size);
    if (rank.node_size == 1 || rank.shared_memory_bytes >= wanted) continue;
    findings.push_back({"memory", Verdict::warning,
                        cat("/dev/shm of ", rank.host, " has ", human_bytes(rank.shared_memory_bytes),
                            " free for ", rank.node_size, " ranks"),
                        cat("in a container give --shm-size=", human_bytes(wanted), " or more")});
    break;
  }
  const bool are_few = ranks.front().max_open_files < kFewOpenFiles;
  findings.push_back(
      {"open files", are_few ? Verdict::warning : Verdict::ok,
       cat(ranks.front().max_open_files, " at a time"),
       are_few ? "raise it with 'ulimit -n': readers of a dataset open a file per shard" : ""});
  return findings;
}

std::vector<Finding> judge_slurm(const std::vector<RankFacts>& ranks, const LauncherEnvironment& environment,
                                 std::chrono::system_clock::time_point now) {
  const std::string job = value_of(environment, "SLURM_JOB_ID");
  if (job.empty()) return {{"Slurm", Verdict::ok, "this is no Slurm job"}};
  std::vector<Finding> findings;
  std::string text = cat("job ", job);
  if (const auto partition = value_of(environment, "SLURM_JOB_PARTITION"); !partition.empty())
    text += cat(" in ", partition);
  if (const auto nodes = value_of(environment, "SLURM_JOB_NODELIST"); !nodes.empty())
    text += cat(" on ", nodes);
  if (const auto restarts = number_of(environment, "SLURM_RESTART_COUNT"); restarts > 0)
    text += cat(", requeued ", counted(restarts, "time"));
  const auto num_hosts = static_cast<int64_t>(by_host(ranks).size());
  const int64_t num_nodes = number_of(environment, "SLURM_JOB_NUM_NODES");
  if (num_nodes > num_hosts) {
    findings.push_back(
        {"Slurm", Verdict::warning,
         cat(text, ": ", counted(num_nodes, "node"), " allocated, ranks run on ", num_hosts),
         "start a rank for each device of every node: srun --mpi=pmix, or mpirun without a host list"});
  } else {
    findings.push_back({"Slurm", Verdict::ok, text});
  }
  if (const int64_t end = number_of(environment, "SLURM_JOB_END_TIME"); end > 0) {
    const auto left = std::chrono::system_clock::from_time_t(end) - now;
    const double left_s = std::max(0.0, std::chrono::duration<double>(left).count());
    const bool is_little = left < kLittleTime;
    findings.push_back(
        {"Slurm", is_little ? Verdict::warning : Verdict::ok,
         cat(human_seconds(left_s), " left, until ", utc_text(std::chrono::system_clock::from_time_t(end))),
         is_little ? "a job that is cut off is gone on with by the same command; --time-limit ends it "
                     "in time"
                   : ""});
  }
  return findings;
}

}  // namespace ditmesh

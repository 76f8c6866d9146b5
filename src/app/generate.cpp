// `ditmesh generate`: the main job.

#include <sched.h>

#include <c10/core/InferenceMode.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <map>

#include "command.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/comm_mpi/progress_channel.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/shard.hpp"
#include "ditmesh/logging/logging.hpp"
#include "generate_options.hpp"
#include "generate_plan.hpp"
#include "picture_maker.hpp"
#include "progress.hpp"
#include "rank_device.hpp"
#include "version.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

// What rank 0 tells the others at the start: go on with this plan, or leave with this code.
struct Decision {
  int exit_code = 0;
  bool leave = false;
  std::string plan;
};

std::string pack(const Decision& decision) {
  return cat(decision.exit_code, ' ', decision.leave ? 1 : 0, '\n', decision.plan);
}

Decision unpack(const std::string& text) {
  Decision decision;
  const size_t end = text.find('\n');
  const auto head = split(text.substr(0, end), ' ');
  decision.exit_code = static_cast<int>(*parse_int(head[0]));
  decision.leave = head[1] == "1";
  decision.plan = text.substr(end + 1);
  return decision;
}

// All ranks run the same program on the same libraries, or the job does not begin.
void check_same_versions(const std::vector<std::string>& reports) {
  const auto report = [](const std::string& text) { return text.substr(text.find('\n') + 1); };
  const auto host = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  for (size_t rank = 1; rank < reports.size(); ++rank) {
    if (report(reports[rank]) != report(reports[0])) {
      throw EnvironmentError(cat("the ranks do not run the same program: rank 0 on ", host(reports[0]),
                                 " has ", report(reports[0]), ", rank ", rank, " on ", host(reports[rank]),
                                 " has ", report(reports[rank])),
                             "install the same build on both hosts");
    }
  }
}

// Rank 0 decides, everybody follows; an error is told once.
Decision decide(const Command& command, const ProgramArguments& arguments, const MpiSession& mpi,
                const Log& log) {
  const auto versions = mpi.all_gather(cat(MpiSession::host_name(), '\n', build_versions()));
  Decision decision;
  if (mpi.rank() == 0) {
    try {
      check_same_versions(versions);
      const auto options = resolve_options(command, arguments.after_command);
      if (!options) {
        decision.leave = true;
      } else {
        const GeneratePlan plan = make_generate_plan(*options, mpi.size(), log);
        if (options->flag("dry-run")) {
          std::cout << plan.describe();
          decision.leave = true;
        } else {
          decision.plan = plan.to_text();
        }
      }
    } catch (const Error& error) {
      print_error(command.spec.name, error.what());
      decision = {static_cast<int>(error.exit_code()), true, {}};
    } catch (const std::exception& error) {
      print_error(command.spec.name, error.what());
      decision = {static_cast<int>(ExitCode::defect), true, {}};
    }
  }
  return unpack(mpi.broadcast(pack(decision)));
}

OrderedJson describe_job(const GeneratePlan& plan, const MpiSession& mpi, const RankDevice& device,
                         const std::string& started) {
  return {{"format_version", kFormatVersion},
          {"settings", plan.options.to_json()},
          {"model", {{"name", plan.model.name}, {"hash", plan.model_hash}}},
          {"manifest", {{"name", plan.manifest_name}, {"sha256", plan.manifest_sha256}}},
          {"mesh", plan.mesh.to_string()},
          {"numerics",
           {{"device", device.model_name()},
            {"dtype", device.dtype_name()},
            {"threads", device.threads()},
            {"batch", device.batch(plan.options.integer("batch"))},
            {"max_sequence_length", plan.max_sequence_length}}},
          {"versions", {{"ditmesh", version()}, {"commit", git_commit()}, {"all", build_versions()}}},
          {"attempts",
           {{{"started", started}, {"ranks", mpi.size()}, {"host_of_rank_0", MpiSession::host_name()}}}}};
}

// Where this rank's time went.
struct Seconds {
  double load = 0;      // reading the weights of transformer and VAE
  double pictures = 0;  // encoding prompts, denoising, decoding, journalling
};

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Makes this rank's share of the work units and journals every sample.
Seconds make_pictures(const GeneratePlan& plan, const MpiSession& mpi, const RankDevice& device,
                      ProgressChannel& channel, const Log& log) {
  const fs::path output = plan.options.text("output");
  Seconds seconds;
  auto start = Clock::now();
  PictureMaker maker(plan, device, log);
  seconds.load = since(start);
  start = Clock::now();
  std::map<int64_t, JournalWriter> journals;  // by shard
  ProgressCounts counts;

  std::vector<WorkUnit> units;
  for (size_t unit = static_cast<size_t>(mpi.rank()); unit < plan.work.units.size();
       unit += static_cast<size_t>(mpi.size())) {
    units.push_back(plan.work.units[unit]);
  }
  maker.make(units, [&](const WorkUnit& unit, JournalRecord record) {
    auto journal = journals.find(unit.shard);
    if (journal == journals.end()) {
      const std::string& name = plan.work.shards[static_cast<size_t>(unit.shard)].name;
      journal = journals.try_emplace(unit.shard, journal_path(output, name, mpi.rank(), 0)).first;
    }
    ++(record.status == SampleStatus::done ? counts.done : counts.failed);
    journal->second.append(record);
    channel.report({counts.done, counts.failed});
  });
  seconds.pictures = since(start);
  return seconds;
}

ExitCode run_job(const GeneratePlan& plan, const MpiSession& mpi, const Log& log) {
  const auto start = Clock::now();
  const std::string started = utc_now();
  const fs::path output = plan.options.text("output");
  const auto total = static_cast<int64_t>(plan.samples.samples.size());
  const auto world = mpi.world();
  const RankDevice device = choose_device(plan.options, mpi, *world, log);

  OrderedJson job = describe_job(plan, mpi, device, started);
  if (mpi.rank() == 0) {
    create_folders(output / "shards");
    create_folders(output / "journal");
    write_file_atomically(output / "job.json", job.dump(2) + "\n");
    log.info(cat(counted(total, "picture"), " with ", plan.model.name, " on ", counted(mpi.size(), "rank"),
                 " (", device.describe(), ")"));
  }
  world->agree(0);

  {
    ProgressChannel channel;
    std::optional<ProgressDisplay> display;
    if (mpi.rank() == 0) {
      display.emplace(
          total,
          [&channel] {
            const auto sums = channel.totals();
            return ProgressCounts{sums[0], sums[1]};
          },
          log);
    }
    const Seconds seconds = make_pictures(plan, mpi, device, channel, log);
    job["attempts"][0]["seconds_on_rank_0"] = {{"load", seconds.load}, {"pictures", seconds.pictures}};
    world->agree(0);
  }

  for (auto shard = static_cast<int64_t>(mpi.rank()); shard < static_cast<int64_t>(plan.work.shards.size());
       shard += mpi.size()) {
    write_shard(output, plan.work, shard, plan.samples, log);
  }
  world->agree(0);

  int exit_code = static_cast<int>(ExitCode::done);
  if (mpi.rank() == 0) {
    const IndexResult index = write_index(output, {}, log);
    for (const Shard& shard : plan.work.shards) remove_journals(output, shard.name);
    job["attempts"][0]["finished"] = utc_now();
    job["content_hash"] = index.content_hash;
    write_file_atomically(output / "job.json", job.dump(2) + "\n");
    log.info(cat(counted(index.counts.done, "picture"), " in ", human_seconds(since(start)), ": ",
                 output.string()));
    if (index.counts.done < total) {
      log.warning(cat(counted(total - index.counts.done, "sample"), " failed: see 'ditmesh inspect ",
                      output.string(), "'"));
      exit_code = static_cast<int>(ExitCode::some_failed);
    }
  }
  return static_cast<ExitCode>(world->agree(exit_code));
}

ExitCode run_generate(const Command& command, const ProgramArguments& arguments) {
  const MpiSession mpi(arguments.argc, arguments.argv);
  const Log log = make_log(mpi.rank() == 0 ? "" : cat("rank ", mpi.rank(), " on ", MpiSession::host_name()));
  const Decision decision = decide(command, arguments, mpi, log);
  if (decision.leave) return static_cast<ExitCode>(decision.exit_code);
  const c10::InferenceMode no_gradients;
  return run_together(mpi, command, [&] { return run_job(read_generate_plan(decision.plan), mpi, log); });
}

}  // namespace

Command generate_command() { return {generate_spec(), run_generate}; }

}  // namespace ditmesh

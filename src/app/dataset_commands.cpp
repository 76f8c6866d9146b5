// inspect, verify, index, compare: what is done with a finished dataset.

#include <atomic>
#include <iostream>
#include <limits>

#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/compare.hpp"
#include "ditmesh/dataset/cost.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/inspect.hpp"
#include "ditmesh/dataset/job_record.hpp"
#include "ditmesh/dataset/output_lock.hpp"
#include "ditmesh/dataset/png.hpp"
#include "ditmesh/dataset/shard_census.hpp"
#include "ditmesh/dataset/unfinished.hpp"
#include "ditmesh/dataset/verify.hpp"
#include "ditmesh/logging/logging.hpp"
#include "progress.hpp"
#include "rank_errors.hpp"

namespace ditmesh {

namespace {

const OptionSpec kJson = {"json", OptionKind::flag, "", "", "print JSON"};

ExitCode run_inspect(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options_alone(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const std::string& output = options->text("OUTPUT");
  const bool as_json = options->flag("json");
  if (options->has("price") || options->has("by") || options->flag("cost")) {
    const auto column = options->has("by") ? std::optional(options->text("by")) : std::nullopt;
    const auto price = options->has("price") ? std::optional(options->number("price")) : std::nullopt;
    const Cost cost = cost_of(output, column, make_log());
    std::cout << (as_json ? to_json(cost, price).dump(2) + "\n" : to_text(cost, price));
  } else if (is_unfinished(output) || is_being_written(output)) {
    const Unfinished unfinished = inspect_unfinished(output);
    std::cout << (as_json ? to_json(unfinished).dump(2) + "\n" : to_text(unfinished));
  } else {
    const Summary summary = inspect_dataset(Dataset(output));
    std::cout << (as_json ? to_json(summary).dump(2) + "\n" : to_text(summary));
  }
  return ExitCode::done;
}

// About: what the job files say, for the progress display.
int64_t num_recorded_samples(const std::string& output) {
  try {
    const auto records = read_job_records(output);
    return records.empty() ? 0 : records.front().num_samples;
  } catch (const ConfigError&) {
    return 0;  // verify says what is wrong with them
  }
}

// Every rank looks at its share of the shards.
VerifyReport verify_on_all_ranks(const std::string& output, const MpiSession& mpi) {
  VerifyReport own;
  run_on_each(mpi, [&] {
    std::atomic<int64_t> num_hashed{0};
    std::optional<ProgressDisplay> display;
    if (mpi.rank() == 0) {
      display.emplace(
          num_recorded_samples(output) / mpi.size(),
          [&] {
            return ProgressCounts{num_hashed, 0};
          },
          make_log());
    }
    mpi.activity().set("hashing picture");
    own = verify_shards(output, mpi.rank(), mpi.size(), [&](int64_t count) {
      num_hashed = count;
      mpi.activity().set_step(count, 0);
    });
  });
  std::vector<VerifyReport> reports;
  for (const std::string& text : mpi.all_gather(own.to_text()))
    reports.push_back(VerifyReport::from_text(text));
  return mpi.rank() == 0 ? merge_reports(verify_folder(output), reports) : own;
}

ExitCode run_verify(const Command& command, const ProgramArguments& arguments) {
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  return run_together(mpi, command, [&] {
    const auto options = share_options(mpi, command, arguments);
    if (!options) return ExitCode::done;
    const std::string& output = options->text("OUTPUT");
    const VerifyReport report = verify_on_all_ranks(output, mpi);
    if (mpi.rank() == 0) {
      if (options->flag("json")) {
        std::cout << to_json(report).dump(2) << "\n";
      } else {
        for (const std::string& problem : report.problems()) std::cout << problem << "\n";
        std::cout << report.counts << "; "
                  << (report.ok() ? "every picture is what it was" : "NOT as it was written") << "\n";
      }
    }
    return share_code(mpi, report.ok() ? ExitCode::done : ExitCode::environment);
  });
}

// Parts that were made with different settings are no dataset.
void check_parts_agree(const std::string& output) {
  const auto records = read_job_records(output);
  for (const JobRecord& record : records) {
    auto differences = sampling_differences(records.front(), record);
    if (!manifests_agree(records.front(), record)) {
      differences.push_back(cat("the manifest had ", records.front().manifest_num_rows, " rows, has ",
                                record.manifest_num_rows, ", or others"));
    }
    if (differences.empty()) continue;
    throw ConfigError(cat(records.front().part, " and ", record.part,
                          " were made with different settings: ", join(differences, "; ")),
                      "make one of them again in another folder");
  }
}

ExitCode run_index(const Command& command, const ProgramArguments& arguments) {
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  return run_together(mpi, command, [&] {
    const auto options = share_options(mpi, command, arguments);
    if (!options) return ExitCode::done;
    const std::string& output = options->text("OUTPUT");
    std::optional<OutputLock> lock;  // no job writes meanwhile
    share_error(mpi, [&] { lock.emplace(output, Part(), make_log()); });
    std::string own;
    mpi.activity().set("reading the shards' columns");
    run_on_each(mpi, [&] { own = pack_shards(scan_shards(output, mpi.rank(), mpi.size())); });
    const auto scanned = mpi.all_gather(own);
    std::vector<std::string> absent;
    share_error(mpi, [&] {
      std::vector<ScannedShard> shards;
      for (const std::string& bytes : scanned) {
        for (ScannedShard& shard : unpack_shards(bytes)) shards.push_back(std::move(shard));
      }
      check_parts_agree(output);
      const IndexResult index = write_index_of(output, std::move(shards));
      const ShardCensus census = take_census(output);
      if (census.is_complete()) remove_temporary_files(output, census);
      absent = absences(census);
      if (options->flag("json")) {
        std::cout << OrderedJson{{"content_hash", index.content_hash}, {"done", index.counts.done},
                                 {"failed", index.counts.failed},      {"missing", index.counts.missing},
                                 {"num_shards", index.num_shards},     {"absent", absent}}
                         .dump(2)
                  << "\n";
      } else {
        std::cout << output << "/dataset.h5: " << index.counts << " in " << counted(index.num_shards, "shard")
                  << "\ncontent hash: " << index.content_hash << "\n";
      }
      for (const std::string& what : absent) make_log().warning(what);
    });
    return share_code(mpi, absent.empty() ? ExitCode::done : ExitCode::some_failed);
  });
}

ExitCode run_compare(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options_alone(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const Dataset a(options->text("A"));
  const Dataset b(options->text("B"));
  const Comparison comparison = compare_datasets(a, b);
  if (options->flag("json")) {
    std::cout << to_json(comparison).dump(2) << "\n";
  } else {
    std::cout << to_text(comparison);
  }
  if (options->has("picture")) {
    if (comparison.worst.empty()) {
      make_log().info("no pair differs: no picture is written");
    } else {
      write_png(options->text("picture"), worst_pairs_picture(a, b, comparison));
    }
  }
  const bool alike =
      options->has("min-psnr") ? comparison.at_least(options->number("min-psnr")) : comparison.identical();
  return alike ? ExitCode::done : ExitCode::some_failed;
}

}  // namespace

Command inspect_command() {
  return {{"inspect",
           "Says what is in a dataset, how far its job is, and what it cost.",
           "OUTPUT [--cost [--by COLUMN] [--price P]] [--json]",
           {"OUTPUT"},
           {{"cost", OptionKind::flag, "", "", "say what all attempts spent their devices' time on"},
            {"by", OptionKind::text, "COLUMN", "",
             "split the cost by a column of the manifest (or bucket, steps, …)"},
            {"price", OptionKind::number, "P", "", "of a device-hour, in your currency", {}, 0, 1e6},
            kJson},
           {"ditmesh inspect cats", "ditmesh inspect cats --cost --by project --price 2.50"}},
          run_inspect};
}

Command verify_command() {
  return {{"verify",
           "Checks every picture against its hash, and index, shards and job.json against each other; mpirun "
           "shares it out.",
           "OUTPUT [--json]",
           {"OUTPUT"},
           {kJson},
           {"mpirun -n 8 ditmesh verify cats"}},
          run_verify};
}

Command index_command() {
  return {
      {"index",
       "Makes dataset.h5 again from the shards, and joins parts; exit code 10 if a part is not there yet.",
       "OUTPUT [--json]",
       {"OUTPUT"},
       {kJson},
       {"ditmesh index cats"}},
      run_index};
}

Command compare_command() {
  return {{"compare",
           "Compares two datasets, rows matched by id and copy. Exit code 10 if they differ.",
           "A B [--min-psnr DB] [--picture FILE] [--json]",
           {"A", "B"},
           {{"min-psnr",
             OptionKind::number,
             "DB",
             "",
             "pictures may differ, down to this PSNR (default: none may)",
             {},
             0,
             1000},
            {"picture", OptionKind::text, "FILE", "", "write the worst pairs side by side as PNG"},
            kJson},
           {"ditmesh compare cats cats-bf16 --min-psnr 35 --picture worst.png"}},
          run_compare};
}

}  // namespace ditmesh

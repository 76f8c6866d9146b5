// inspect, verify, compare, export: what is done with a finished dataset.

#include <atomic>
#include <iostream>
#include <limits>

#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/compare.hpp"
#include "ditmesh/dataset/export.hpp"
#include "ditmesh/dataset/inspect.hpp"
#include "ditmesh/dataset/png.hpp"
#include "ditmesh/logging/logging.hpp"
#include "progress.hpp"

namespace ditmesh {

namespace {

const OptionSpec kJson = {"json", OptionKind::flag, "", "", "print JSON"};

ExitCode run_inspect(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const Summary summary = inspect_dataset(Dataset(options->text("OUTPUT")));
  if (options->flag("json")) {
    std::cout << to_json(summary).dump(2) << "\n";
  } else {
    std::cout << to_text(summary);
  }
  return ExitCode::done;
}

ExitCode run_verify(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const VerifyReport report = verify_dataset(Dataset(options->text("OUTPUT")));
  if (options->flag("json")) {
    std::cout << OrderedJson{{"ok", report.ok()},
                             {"problems", report.problems},
                             {"done", report.counts.done},
                             {"failed", report.counts.failed},
                             {"missing", report.counts.missing},
                             {"content_hash", report.content_hash}}
                     .dump(2)
              << "\n";
  } else {
    for (const std::string& problem : report.problems) std::cout << problem << "\n";
    std::cout << report.counts << "; "
              << (report.ok() ? "every picture is what it was" : "NOT as it was written") << "\n";
  }
  return report.ok() ? ExitCode::done : ExitCode::environment;
}

ExitCode run_compare(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options(command, arguments.after_command);
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

ExitCode run_export(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const Log log = make_log();
  const Dataset dataset(options->text("OUTPUT"));
  const std::string& to = options->text("to");
  if (options->text("format") == "contact-sheet") {
    const ContactSheet sheet = export_contact_sheet(dataset, to);
    if (!sheet.has_captions)
      log.warning("this machine has no fonts: the sheet has no captions; install one (DejaVu, Noto)");
    log.info(cat(sheet.num_shown, " of ", counted(sheet.num_available, "picture"), ": ", to));
    return ExitCode::done;
  }
  ExportResult result;
  {
    std::atomic<int64_t> written{0};
    const ProgressDisplay display(
        dataset.counts().done,
        [&] {
          return ProgressCounts{written, 0};
        },
        log);
    result = export_png(dataset, to, [&](int64_t count) { written = count; });
  }
  log.info(cat(counted(result.num_written, "picture"), " written, ", counted(result.num_skipped, "sample"),
               " without pixels skipped: ", to));
  return ExitCode::done;
}

}  // namespace

Command inspect_command() {
  return {{"inspect", "Says what is in a dataset.", "OUTPUT [--json]", {"OUTPUT"}, {kJson}}, run_inspect};
}

Command verify_command() {
  return {{"verify",
           "Reads every picture of a dataset and checks it against its hash.",
           "OUTPUT [--json]",
           {"OUTPUT"},
           {kJson}},
          run_verify};
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
            kJson}},
          run_compare};
}

Command export_command() {
  return {
      {"export",
       "Writes a dataset's pictures for other tools and for people.",
       "OUTPUT --to PATH [--format png|contact-sheet]",
       {"OUTPUT"},
       {{"format",
         OptionKind::choice,
         "",
         "png",
         "png: a folder of PNG files with metadata.jsonl (HuggingFace imagefolder); contact-sheet: one PNG",
         {"png", "contact-sheet"}},
        {"to",
         OptionKind::text,
         "PATH",
         "",
         "folder of the PNG files, or file of the contact sheet",
         {},
         0,
         0,
         true}}},
      run_export};
}

}  // namespace ditmesh

// `ditmesh export`: a dataset for other tools, by all ranks.

#include <atomic>

#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/export.hpp"
#include "ditmesh/logging/logging.hpp"
#include "progress.hpp"
#include "rank_errors.hpp"

namespace ditmesh {

namespace {

constexpr const char* kSamplesPerTar = "samples-per-tar";

ExportSettings settings_of(const Options& options) {
  ExportSettings settings;
  settings.format = parse_export_format(options.text("format"));
  if (options.has("where")) {
    for (const std::string& text : options.texts("where")) settings.where.push_back(Condition::parse(text));
  }
  if (options.has("split")) settings.splits = Splits::parse(options.text("split"));
  settings.samples_per_tar = options.integer(kSamplesPerTar);
  settings.is_verified = !options.flag("unverified");
  if (settings.format != ExportFormat::webdataset && options.origin(kSamplesPerTar) != Origin::fallback) {
    throw ConfigError(
        cat("--samples-per-tar is for --format webdataset, the format is ", options.text("format")),
        "leave it out, or give that format");
  }
  return settings;
}

void tell_unreadable(const PieceResult& result, const Log& log) {
  if (result.num_unreadable == 0) return;
  log.warning(cat(counted(result.num_unreadable, "picture"), " could not be read, first ",
                  result.first_unreadable, ": run ditmesh verify"));
}

ExitCode code_of(const PieceResult& result) {
  return result.num_unreadable > 0 ? ExitCode::some_failed : ExitCode::done;
}

ExitCode export_sheet(const std::string& output, const std::string& to, const ExportSettings& settings,
                      const Log& log) {
  const SheetExport exported = export_contact_sheet(output, to, settings);
  if (!exported.sheet.has_captions)
    log.warning("this machine has no fonts: the sheet has no captions; install one (DejaVu, Noto)");
  tell_unreadable(exported.result, log);
  log.info(cat(exported.sheet.num_shown, " of ", counted(exported.sheet.num_available, "picture"), ": ", to));
  return code_of(exported.result);
}

// The pieces that rank 0 finds left to write, on all ranks.
std::vector<size_t> shared_pieces(const MpiSession& mpi, Export& exported) {
  std::string told;
  share_error(mpi, [&] { told = join(exported.begin(), " "); });
  std::vector<size_t> pieces;
  told = mpi.broadcast(told);
  if (told.empty()) return pieces;
  for (const std::string& number : split(told, ' ')) pieces.push_back(*parse_uint(number));
  return pieces;
}

int64_t sum_of(const MpiSession& mpi, int64_t own) {
  int64_t sum = 0;
  for (const std::string& text : mpi.all_gather(cat(own))) sum += *parse_int(text);
  return sum;
}

// In rounds of a piece a rank, so that the error of one ends all of them soon.
// Example, pieces 0 2 3 4 7 on 2 ranks: rank 0 writes 0, 3 and 7, rank 1 writes 2 and 4.
void write_pieces(const MpiSession& mpi, Export& exported, const std::vector<size_t>& pieces,
                  const Log& log) {
  int64_t total = 0;
  for (const size_t i : pieces) total += exported.plan().pieces[i].end - exported.plan().pieces[i].begin;
  std::atomic<int64_t> written{0};
  std::optional<ProgressDisplay> display;
  if (mpi.rank() == 0 && !pieces.empty()) {
    display.emplace(
        total,
        [&] {
          return ProgressCounts{written, 0};
        },
        log);
  }
  mpi.activity().set("exporting pictures");
  const auto num_ranks = static_cast<size_t>(mpi.size());
  int64_t before = 0;
  int64_t num_steps = 0;
  for (size_t round = 0; round < pieces.size(); round += num_ranks) {
    const size_t place = round + static_cast<size_t>(mpi.rank());
    int64_t own = 0;
    run_on_each(mpi, [&] {
      if (place >= pieces.size()) return;
      const PieceResult result = exported.write_piece(pieces[place], [&](int64_t count) {
        written = before + count;
        mpi.activity().set_step(++num_steps, 0);
      });
      own = result.num_written;
    });
    before += sum_of(mpi, own);
    written = before;
  }
}

ExitCode export_pieces(const MpiSession& mpi, const Options& options, const ExportSettings& settings,
                       const Log& log) {
  const std::string& to = options.text("to");
  std::unique_ptr<Export> exported;
  mpi.activity().set("reading the index");
  run_on_each(mpi, [&] { exported = std::make_unique<Export>(options.text("OUTPUT"), to, settings); });
  const auto pieces = shared_pieces(mpi, *exported);
  if (const auto folder = exported->shared_folder(); !folder.empty() && !pieces.empty())
    check_shared_folder(mpi, folder);
  write_pieces(mpi, *exported, pieces, log);
  ExitCode code = ExitCode::done;
  share_error(mpi, [&] {
    mpi.activity().set("finishing the export");
    const bool was_complete = exported->is_complete();
    const PieceResult result = exported->finish();
    tell_unreadable(result, log);
    log.info(cat(counted(result.num_written, "picture"),
                 was_complete ? " were written before, " : " written, ",
                 counted(exported->plan().num_without_pixels, "sample"), " without pixels skipped: ", to,
                 was_complete ? " is complete" : ""));
    code = code_of(result);
  });
  return code;
}

ExitCode run_export(const Command& command, const ProgramArguments& arguments) {
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  return run_together(mpi, command, [&] {
    const Log log = make_log();
    const auto options = share_options(mpi, command, arguments);
    if (!options) return ExitCode::done;
    ExportSettings settings;
    run_on_each(mpi, [&] { settings = settings_of(*options); });
    share_error(mpi,
                [&] { check_export(options->text("OUTPUT"), options->text("to"), settings.is_verified); });
    ExitCode code = ExitCode::done;
    if (settings.format == ExportFormat::contact_sheet) {
      mpi.activity().set("drawing a contact sheet");
      share_error(mpi,
                  [&] { code = export_sheet(options->text("OUTPUT"), options->text("to"), settings, log); });
    } else {
      code = export_pieces(mpi, *options, settings, log);
    }
    return share_code(mpi, code);
  });
}

}  // namespace

Command export_command() {
  CommandSpec spec;
  spec.name = "export";
  spec.summary =
      "Writes a dataset's pictures for other tools and for people; mpirun shares the work out. Killed, the "
      "same command goes on. Exit code 10 if --unverified had to leave something out.";
  spec.usage = "OUTPUT --to PATH [options]";
  spec.positional = {"OUTPUT"};
  spec.examples = {
      "ditmesh export cats --to cats-png",
      "mpirun -n 8 ditmesh export cats --format webdataset --split train=0.99,test=0.01 --to cats-tars",
      "ditmesh export cats --format contact-sheet --where project=north --to north.png"};
  spec.add_group(
      "What is written",
      {{"format",
        OptionKind::choice,
        "",
        "png",
        "png: PNG files with metadata.jsonl (HuggingFace imagefolder); webdataset: tars of image, text and "
        "JSON; hdf5: one file with everything in it; contact-sheet: one PNG",
        {"png", "webdataset", "hdf5", "contact-sheet"}},
       required({"to", OptionKind::text, "PATH", "",
                 "folder, or file of a contact sheet or of hdf5 without --split"}),
       {kSamplesPerTar, OptionKind::integer, "N", "1000", "samples of a tar of webdataset", {}, 1, 1e9}});
  spec.add_group(
      "Which samples",
      {{"where", OptionKind::texts, "COLUMN=VALUE", "",
        "only samples with this value in a column of /samples; repeated: and (only done ones have pictures)"},
       {"split", OptionKind::text, "NAME=SHARE,…", "",
        "share samples out by a hash of their id, as train=0.99,test=0.01: a folder each, a file each for "
        "hdf5"},
       {"unverified", OptionKind::flag, "", "",
        "take what can be read of an incomplete or damaged dataset, pictures as they are: hashes are not "
        "compared"}});
  return {spec, run_export};
}

}  // namespace ditmesh

// trace: what the ranks recorded, summarised and converted.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/output_lock.hpp"
#include "ditmesh/dataset/trace_store.hpp"
#include "ditmesh/logging/logging.hpp"
#include "ditmesh/trace/perfetto.hpp"
#include "ditmesh/trace/summary.hpp"
#include "ditmesh/trace/timeline.hpp"
#include "scratch_file.hpp"

namespace ditmesh {

namespace {

// The attempt asked for, or the last; its part too where the job has parts.
TracedAttempt choose_attempt(const Options& options) {
  const std::string& output = options.text("OUTPUT");
  auto attempts = traced_attempts(output);
  if (options.has("part")) {
    const Part part = Part::parse(options.text("part"));
    std::erase_if(attempts, [&](const TracedAttempt& attempt) { return attempt.part != part; });
  }
  if (attempts.empty()) {
    throw ConfigError(cat(output, "/traces holds no traces"),
                      "give the OUTPUT of a job of 'ditmesh generate'");
  }
  if (attempts.front().part != attempts.back().part) {
    std::vector<std::string> parts;
    for (const TracedAttempt& attempt : attempts) {
      const std::string part = cat(attempt.part.index, "/", attempt.part.count);
      if (parts.empty() || parts.back() != part) parts.push_back(part);
    }
    throw ConfigError(cat(output, " was made in parts: ", join(parts, ", ")), "give one of them with --part");
  }
  if (!options.has("attempt")) return attempts.back();
  std::vector<std::string> numbers;
  for (const TracedAttempt& attempt : attempts) {
    if (attempt.attempt == options.integer("attempt")) return attempt;
    numbers.push_back(cat(attempt.attempt));
  }
  throw ConfigError(cat("attempt ", options.integer("attempt"), " left no trace in ", output),
                    cat("give one of ", join(numbers, ", ")));
}

// What a crash left becomes HDF5 here, unless a job runs or nothing may be written: then it is read as it is.
void convert_leftovers(const std::string& output, const TracedAttempt& attempt, const Log& log) {
  if (attempt.span_files.empty()) return;
  try {
    const OutputLock lock(output, attempt.part, {});
    convert_span_files(attempt, log);
  } catch (const Error& error) {
    log.info(cat("the trace stays as it is: ", error.what()));
  }
}

void write_text_file(const std::string& path, const auto& write) {
  std::ofstream out(path, std::ios::binary);
  write(out);
  out.close();
  if (!out) {
    throw EnvironmentError(cat("cannot write ", path),
                           "check the folder, its permissions and the free space");
  }
}

// By gnuplot, which reads the script from a file: a pipe to a program that is not there would end this one.
void plot(const AttemptTrace& trace, const std::string& path) {
  write_text_file(path, [](std::ostream&) {});  // says what is wrong with the path, better than gnuplot does
  const ScratchFile script("plot");
  write_text_file(script.path().string(), [&](std::ostream& out) { out << timeline_script(trace, path); });
  if (std::system(cat("gnuplot ", script.path(), " >/dev/null 2>&1").c_str()) == 0) return;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  throw EnvironmentError("gnuplot did not draw the trace",
                         "install gnuplot with its pngcairo terminal (Debian: gnuplot-nox)");
}

ExitCode run_trace(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options_alone(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const Log log = make_log();
  const TracedAttempt attempt = choose_attempt(*options);
  const AttemptTrace trace = read_attempt(attempt, log);
  convert_leftovers(options->text("OUTPUT"), attempt, log);
  if (options->has("perfetto")) {
    write_text_file(options->text("perfetto"), [&](std::ostream& out) { write_perfetto(trace, out); });
    log.info(cat(options->text("perfetto"), ": open it in ui.perfetto.dev"));
  }
  if (options->has("plot")) {
    plot(trace, options->text("plot"));
    log.info(cat("the time-line: ", options->text("plot")));
  }
  if (options->flag("json")) {
    std::cout << to_json(summarise(trace)).dump(2) << "\n";
  } else if (options->flag("summary") || !(options->has("perfetto") || options->has("plot"))) {
    std::cout << to_text(summarise(trace));
  }
  return ExitCode::done;
}

}  // namespace

Command trace_command() {
  return {{"trace",
           "Says where the time of a job went, from the traces that every job leaves.",
           "OUTPUT [--attempt N] [--summary] [--json] [--perfetto FILE] [--plot FILE]",
           {"OUTPUT"},
           {{"summary", OptionKind::flag, "", "",
             "say it in words and numbers; so it does without other options"},
            {"json", OptionKind::flag, "", "", "print the summary as JSON"},
            {"perfetto", OptionKind::text, "FILE", "", "write a file that ui.perfetto.dev opens"},
            {"plot", OptionKind::text, "FILE", "",
             "draw ranks and time, and the throughput, as PNG (by gnuplot)"},
            {"attempt", OptionKind::integer, "N", "", "which attempt of job.json (default: the last)", {}, 1},
            {"part", OptionKind::text, "I/N", "", "which part of an array job"}},
           {"ditmesh trace cats", "ditmesh trace cats --perfetto cats.json --plot cats.png"}},
          run_trace};
}

}  // namespace ditmesh

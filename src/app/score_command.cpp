// `ditmesh score`: whether pictures of coloured shapes show what their captions tell.

#include <iostream>
#include <optional>

#include "command.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "ditmesh/score/tally.hpp"

namespace ditmesh {

namespace {

// Prompts are anyone's text, up to megabytes: a line shows the beginning, JSON has all.
std::string shown_prompt(const std::string& prompt) { return printable(prompt, 200); }
std::string shown(const std::string& id_or_reason) { return printable(id_or_reason, 500); }

// Says each sample when it is judged: nothing is kept but counts.
class ScorePrinter {
 public:
  explicit ScorePrinter(bool as_json) : as_json_(as_json) {
    if (as_json_) std::cout << "{\n  \"samples\": [";
  }

  void tell(const Sample& sample, const std::optional<Judgement>& judgement, const std::string& why) {
    const char* verdict = !judgement ? "not understood" : judgement->is_right() ? "right" : "wrong";
    if (!as_json_) {
      std::cout << shown(sample.id) << " #" << sample.copy << ": " << verdict << (why.empty() ? "" : ": ")
                << shown(why) << " (\"" << shown_prompt(sample.prompt) << "\")\n";
      return;
    }
    OrderedJson json = {{"id", sample.id},
                        {"copy", sample.copy},
                        {"prompt", sample.prompt},
                        {"verdict", verdict},
                        {"why", why}};
    json["aspects"] = nullptr;
    if (judgement) {
      for (const Aspect aspect : kAspects)
        json["aspects"][std::string(to_string(aspect))] = judgement->holds_for(aspect);
    }
    std::cout << (is_first_ ? "\n    " : ",\n    ") << json.dump();
    is_first_ = false;
  }

  void finish(const Tally& tally) {
    if (as_json_) {
      close_document(tally, nullptr);
    } else {
      std::cout << to_text(tally);
    }
  }

  // A sample could not be read: the document ends here, and says so. Text needs no end.
  void stop(const Tally& tally, const std::exception& error) {
    if (as_json_) close_document(tally, error.what());
  }

 private:
  void close_document(const Tally& tally, const OrderedJson& error) {
    OrderedJson totals = to_json(tally);
    totals["error"] = error;
    std::cout << "\n  ]";
    for (const auto& [key, value] : totals.items()) std::cout << ",\n  \"" << key << "\": " << value.dump();
    std::cout << "\n}\n";
  }

  bool as_json_;
  bool is_first_ = true;
};

// Returns which caption was not understood first, and why.
std::string judge_all(const Dataset& dataset, Tally& tally, ScorePrinter& printer) {
  std::string first_problem;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const DatasetRow& row = dataset.row(i);
    if (row.status != SampleStatus::done) continue;
    const std::string& prompt = row.sample.prompt;
    const CaptionReading reading = read_caption(prompt);
    if (!reading.caption) {
      if (tally.not_understood++ == 0)
        first_problem = cat("'", shown_prompt(prompt), "' ", shown(reading.problem));
      printer.tell(row.sample, std::nullopt, reading.problem);
      continue;
    }
    const Image image = dataset.pixels(i);
    const Judgement judgement = judge({image.height, image.width, image.pixels}, *reading.caption);
    tally.add(*reading.caption, judgement);
    printer.tell(row.sample, judgement, judgement.why);
  }
  return first_problem;
}

ExitCode run_score(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options_alone(command, arguments.after_command);
  if (!options) return ExitCode::done;
  const Dataset dataset(options->text("OUTPUT"));
  Tally tally;
  tally.failed = dataset.counts().failed;
  tally.missing = dataset.counts().missing;
  if (dataset.counts().done == 0) {
    throw ConfigError(
        cat("of ", counted(dataset.size(), "sample"), " none is done: there is no picture to judge"),
        "make the pictures first, with ditmesh generate");
  }
  dataset.require_shards();  // before anything is printed

  ScorePrinter printer(options->flag("json"));
  std::string first_problem;
  try {
    first_problem = judge_all(dataset, tally, printer);
  } catch (const std::exception& error) {
    printer.stop(tally, error);
    throw;
  }
  printer.finish(tally);
  if (tally.right.total == 0) {
    throw ConfigError(cat("none of ", counted(tally.not_understood, "caption"), " is understood, the first, ",
                          first_problem, ", is not"),
                      "captions tell of coloured shapes: \"a large red circle above a blue square\"");
  }
  return ExitCode::done;
}

}  // namespace

Command score_command() {
  return {{"score",
           "Judges whether pictures of coloured shapes show what their captions tell (models/shapes).",
           "OUTPUT [--json]",
           {"OUTPUT"},
           {{"json", OptionKind::flag, "", "",
             "print JSON; its \"error\" is null if every picture could be read"}},
           {"ditmesh score shapes", "ditmesh score shapes --json > score.json"}},
          run_score};
}

}  // namespace ditmesh

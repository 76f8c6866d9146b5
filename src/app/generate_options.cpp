// How `ditmesh generate` looks on the command line.

#include "generate_options.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "plan_options.hpp"
#include "rank_device.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kMaxDuration = 1'000'000'000;

}  // namespace

double parse_duration(const std::string& option, const std::string& text) {
  int64_t seconds = 0;
  const auto parts = split(text, ':');
  bool good = parts.size() <= 3;
  for (size_t i = 0; i < parts.size() && good; ++i) {
    const auto value = parse_int(parts[i]);
    good = value && *value >= 0 && *value < (i == 0 ? kMaxDuration : 60);
    if (good) seconds = seconds * 60 + *value;
  }
  if (!good || seconds == 0) {
    throw ConfigError(
        cat("--", option, " must be a time like 1:30:00, 90:00 or 5400 (seconds), found '", text, "'"));
  }
  return static_cast<double>(seconds);
}

CommandSpec generate_spec() {
  CommandSpec spec;
  spec.name = "generate";
  spec.summary = "Makes a dataset: a picture for every row of a manifest.";
  spec.usage = "--model DIR|ORG/NAME (--prompts FILE | --prompt TEXT …) --output DIR [options]";
  spec.examples = {
      "mpirun -n 8 ditmesh generate --model black-forest-labs/FLUX.1-dev --prompts prompts.csv --output cats",
      "ditmesh generate --model flux-folder --prompt \"a cat\" --output cat --height 512 --width 512 --steps "
      "20"};
  spec.add_group(
      "What is made",
      {required({"model", OptionKind::text, "DIR|ORG/NAME", "",
                 "diffusers folder of a FLUX.1 model, or its name in the HuggingFace cache"}),
       {"prompts", OptionKind::text, "FILE", "",
        "manifest: .txt (a prompt a line), .csv, .tsv, .jsonl, or - for standard input"},
       {"prompt", OptionKind::texts, "TEXT", "", "a prompt; may be repeated, instead of --prompts"},
       {"prompt-column", OptionKind::text, "NAME", "",
        "the manifest's column with the prompts, if it is none of prompt, caption, text"},
       {"limit", OptionKind::integer, "N", "", "only the first N rows of the manifest", {}, 1},
       {"images-per-prompt",
        OptionKind::integer,
        "N",
        "1",
        "copies of every row, with consecutive seeds",
        {},
        1,
        1e6},
       {"seed", OptionKind::seed, "N", "0",
        "of the job: rows without a seed get one from it, their id and the copy's number"}});
  spec.add_group(
      "For rows that do not say it",
      {{"height", OptionKind::integer, "PIXELS", "1024", "of the picture", {}, 1, 16384},
       {"width", OptionKind::integer, "PIXELS", "1024", "of the picture", {}, 1, 16384},
       {"steps", OptionKind::integer, "N", "", "denoising steps (default 28, schnell 4)", {}, 1, 10000},
       {"guidance", OptionKind::number, "X", "3.5", "guidance that distilled models take", {}, 0, 1e3},
       {"true-cfg",
        OptionKind::number,
        "X",
        "1",
        "above 1: classifier-free guidance with the negative prompt, at twice the cost",
        {},
        0,
        1e3},
       {"negative-prompt", OptionKind::text, "TEXT", "",
        "what true CFG steers away from (default: the empty prompt)"}});
  spec.add_group(
      "The dataset",
      {required({"output", OptionKind::text, "DIR", "",
                 "the dataset's folder; one that a job left unfinished is gone on with"}),
       {"image-format", OptionKind::text, "raw|png|webp|jpeg:Q", "raw",
        "how shards hold pictures: raw pixels, or each as a PNG, a lossless WebP, or a JPEG of quality Q "
        "(1 to 100, 4:4:4: no colours are halved); verify, compare and export know them all"},
       {"save-latents", OptionKind::flag, "", "", "also store the latents (float32)"},
       {"shard-size",
        OptionKind::integer,
        "N",
        "",
        "pictures in a shard (default: a 256th of all, at least 1000, at most 8 GiB)",
        {},
        1,
        1e9},
       {"part", OptionKind::text, "I/N", "",
        "only the shards whose number modulo N is I, from 0: for array jobs; ditmesh index joins the "
        "parts"}});
  spec.add_group(
      "Ranks and devices",
      {{"mesh", OptionKind::text, "auto|AXIS=N,…", "auto",
        "the ranks' mesh; this version makes each picture on one rank (data=N), --dry-run plans others"},
       {"placement", OptionKind::text, "FILE", "",
        "with --dry-run: which device each coordinate of the mesh gets (data=0,ulysses=1 HOST:DEVICE)"},
       {"cluster", OptionKind::text, "SOURCE", "",
        "with --dry-run: plan for this cluster (what topology --from reads), not for the hosts of the ranks"},
       {"batch", OptionKind::integer, "N", "1", "pictures made together on a GPU", {}, 1, 1024},
       {"max-sequence-length",
        OptionKind::integer,
        "N",
        "",
        "tokens of the T5 prompt (default 512, without guidance embedding 256, at most "
        "tokenizer_2's model_max_length)",
        {},
        1,
        512},
       {"text-encoder",
        OptionKind::choice,
        "",
        "resident",
        "release drops the text encoders' weights after each window of prompts",
        {"resident", "release"}},
       {"prompt-cache",
        OptionKind::integer,
        "MIB",
        "1024",
        "memory for encoded prompts: as many as fit are encoded ahead",
        {},
        1,
        1e9}});
  spec.add_group("Ranks and devices", mesh_options());
  spec.add_group("Ranks and devices", device_options());
  spec.add_group(
      "Going on with an earlier job",
      {{"extend", OptionKind::flag, "", "",
        "the manifest has grown: its new rows, behind the old ones, go to new shards"},
       {"retry-failed", OptionKind::flag, "", "", "make the samples again that failed in an earlier attempt"},
       {"allow-different-numerics", OptionKind::flag, "", "",
        "go on with another device, dtype, mesh or batch than the attempts before; recorded in job.json"}});
  spec.add_group(
      "The job",
      {{"time-limit", OptionKind::text, "H:MM:SS", "",
        "end in time, with exit code 75: no batch is begun that would take longer; the same command goes on"},
       {"timeout",
        OptionKind::integer,
        "SECONDS",
        "120",
        "of silence, after which a rank is given up",
        {},
        1,
        1e6},
       {"metrics", OptionKind::text, "FILE", "",
        "keep the job's state there as Prometheus reads it (name it NAME.prom): samples, images/s, time "
        "left, "
        "seconds by phase, memory"},
       {"dry-run", OptionKind::flag, "", "",
        "check all input, say what would be done, where and how fast, write nothing"}});
  return spec;
}

}  // namespace ditmesh

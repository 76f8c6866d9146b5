// How `ditmesh generate` looks on the command line.

#include "generate_options.hpp"

namespace ditmesh {

CommandSpec generate_spec() {
  CommandSpec spec;
  spec.name = "generate";
  spec.summary = "Makes a dataset: a picture for every row of a manifest.";
  spec.usage = "--model DIR|ORG/NAME (--prompts FILE | --prompt TEXT …) --output DIR [options]";
  spec.options = {
      {"model", OptionKind::text, "DIR|ORG/NAME", "",
       "diffusers folder of a FLUX.1 model, or its name in the HuggingFace cache", {}, 0, 0, true},
      {"prompts", OptionKind::text, "FILE", "", "manifest: .txt (a prompt a line), .csv, .tsv, .jsonl, or - for standard input"},
      {"prompt", OptionKind::texts, "TEXT", "", "a prompt; may be repeated, instead of --prompts"},
      {"prompt-column", OptionKind::text, "NAME", "", "the manifest's column with the prompts, if it is none of prompt, caption, text"},
      {"negative-prompt", OptionKind::text, "TEXT", "", "what true CFG steers away from, for rows that do not say it (default: the empty prompt)"},
      {"limit", OptionKind::integer, "N", "", "only the first N rows of the manifest", {}, 1},
      {"output", OptionKind::text, "DIR", "", "the dataset's folder, made by this command", {}, 0, 0, true},
      {"height", OptionKind::integer, "PIXELS", "1024", "for rows that do not say it", {}, 1, 65536},
      {"width", OptionKind::integer, "PIXELS", "1024", "for rows that do not say it", {}, 1, 65536},
      {"steps", OptionKind::integer, "N", "", "denoising steps, for rows that do not say it (default 28, schnell 4)", {}, 1, 10000},
      {"guidance", OptionKind::number, "X", "3.5", "guidance that distilled models take, for rows that do not say it", {}, 0, 1e6},
      {"true-cfg", OptionKind::number, "X", "1", "above 1: classifier-free guidance with the negative prompt, at twice the cost", {}, 0, 1e6},
      {"max-sequence-length", OptionKind::integer, "N", "", "tokens of the T5 prompt (default 512, schnell 256)", {}, 1, 512},
      {"seed", OptionKind::seed, "N", "0", "of the job: rows without a seed get one from it, their id and the copy's number"},
      {"images-per-prompt", OptionKind::integer, "N", "1", "copies of every row, with consecutive seeds", {}, 1, 1e6},
      {"mesh", OptionKind::text, "auto|AXIS=N,…", "auto", "the ranks' mesh; this version makes each picture on one rank (data=N)"},
      {"batch", OptionKind::integer, "N", "1", "pictures made together on a GPU", {}, 1, 1024},
      {"device", OptionKind::choice, "", "auto", "auto takes CUDA where there is one", {"auto", "cpu", "cuda"}},
      {"dtype", OptionKind::choice, "", "auto", "of weights and activations; auto is bf16 on CUDA, fp32 on the CPU", {"auto", "fp32", "bf16", "fp16"}},
      {"noise-dtype", OptionKind::choice, "", "run", "the noise is drawn in the run's dtype, as diffusers does, or in fp32", {"run", "fp32"}},
      {"threads", OptionKind::integer, "N", "", "CPU threads of each rank (default: the cores that it has)", {}, 1, 1024},
      {"text-encoder", OptionKind::choice, "", "resident", "release drops the text encoders' weights after each window of prompts", {"resident", "release"}},
      {"prompt-cache", OptionKind::integer, "MIB", "1024", "memory for encoded prompts: as many as fit are encoded ahead", {}, 1, 1e9},
      {"shard-size", OptionKind::integer, "N", "", "pictures in a shard (default: a 256th of all, at least 1000, at most 8 GiB)", {}, 1, 1e9},
      {"save-latents", OptionKind::flag, "", "", "also store the latents (float32)"},
      {"dry-run", OptionKind::flag, "", "", "check everything, say what would be done, write nothing"},
  };
  return spec;
}

}  // namespace ditmesh

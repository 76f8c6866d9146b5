#include "generate_plan.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

Manifest read_rows(const Options& options) {
  if (options.has("prompts") == options.has("prompt")) {
    throw ConfigError(
        options.has("prompt") ? "--prompts and --prompt are both given" : "there are no prompts",
        "give a manifest with --prompts FILE, or prompts with --prompt TEXT");
  }
  if (options.has("prompt")) {
    Manifest manifest = manifest_from_prompts(options.texts("prompt"));
    if (options.has("limit") && static_cast<int64_t>(manifest.rows.size()) > options.integer("limit")) {
      manifest.rows.resize(static_cast<size_t>(options.integer("limit")));
    }
    return manifest;
  }
  ManifestOptions manifest_options;
  if (options.has("prompt-column")) manifest_options.prompt_column = options.text("prompt-column");
  if (options.has("limit")) manifest_options.limit = options.integer("limit");
  return read_manifest(options.text("prompts"), manifest_options);
}

SamplingDefaults sampling_defaults(const Options& options, const FluxDescription& model) {
  SamplingDefaults defaults;
  defaults.height = static_cast<int32_t>(options.integer("height"));
  defaults.width = static_cast<int32_t>(options.integer("width"));
  defaults.steps =
      options.has("steps") ? static_cast<int32_t>(options.integer("steps")) : model.default_steps();
  defaults.guidance = static_cast<float>(options.number("guidance"));
  defaults.true_cfg = static_cast<float>(options.number("true-cfg"));
  if (options.has("negative-prompt")) defaults.negative_prompt = options.text("negative-prompt");
  defaults.seed = options.seed("seed");
  defaults.images_per_prompt = static_cast<int32_t>(options.integer("images-per-prompt"));
  return defaults;
}

PlanOptions plan_options(const Options& options) {
  return {options.has("shard-size") ? options.integer("shard-size") : 0, options.integer("batch")};
}

Mesh choose_mesh(const Options& options, int num_ranks) {
  const std::string& text = options.text("mesh");
  const Mesh mesh = Mesh::parse(text == "auto" ? cat("data=", num_ranks) : text, num_ranks);
  if (mesh.inner_size() != 1) {
    throw ConfigError(cat("--mesh ", text, ": this version makes each picture on one rank"),
                      cat("use --mesh data=", num_ranks, " or --mesh auto"));
  }
  return mesh;
}

void check_output(const std::filesystem::path& output) {
  std::error_code error;
  if (std::filesystem::exists(output, error) &&
      !(std::filesystem::is_directory(output, error) && std::filesystem::is_empty(output, error))) {
    throw ConfigError(cat("--output ", output, " is there already"),
                      "give a folder that does not exist yet, or an empty one");
  }
  // The nearest folder above that is there must take it.
  std::filesystem::path above = std::filesystem::absolute(output, error);
  while (!std::filesystem::exists(above, error) && above.has_relative_path()) above = above.parent_path();
  if (!std::filesystem::is_directory(above, error)) {
    throw ConfigError(cat("--output ", output, ": ", above, " is not a folder"), "give another path");
  }
  if (::access(above.c_str(), W_OK | X_OK) != 0) {
    throw EnvironmentError(
        cat("--output ", output, ": ", above, " cannot be written: ", std::strerror(errno)),
        "give a folder where you may write");
  }
}

}  // namespace

GeneratePlan make_generate_plan(const Options& options, int num_ranks, const Log& log) {
  GeneratePlan plan;
  plan.options = options;
  plan.mesh = choose_mesh(options, num_ranks);
  check_output(options.text("output"));

  plan.model = read_flux_folder(options.text("model"), find_model(options.text("model")));
  plan.max_sequence_length = options.has("max-sequence-length") ? options.integer("max-sequence-length")
                                                                : plan.model.default_max_sequence_length();

  const Manifest manifest = read_rows(options);
  plan.manifest_name = manifest.name;
  plan.manifest_sha256 = manifest.sha256;
  if (manifest.num_blank_lines > 0)
    log.info(cat(manifest.name, ": ", counted(manifest.num_blank_lines, "blank line"), " skipped"));
  plan.samples = make_samples(manifest, sampling_defaults(options, plan.model));
  if (plan.samples.num_reduced_seeds > 0) {
    log.warning(cat(manifest.name, ": ", plan.samples.num_reduced_seeds,
                    " seeds above 4294967295 are taken modulo 2^32; the column seed_in_manifest keeps them"));
  }
  if (plan.samples.num_unused_negative_prompts > 0) {
    log.warning(cat(
        manifest.name, ": ", plan.samples.num_unused_negative_prompts,
        " rows have a negative prompt that is not used, because their true CFG is not above 1 (--true-cfg)"));
  }
  std::set<std::pair<int32_t, int32_t>> sizes;
  for (const Sample& sample : plan.samples.samples) {
    if (!sizes.emplace(sample.height, sample.width).second) continue;
    try {
      plan.model.check_size(sample.height, sample.width);
    } catch (const ConfigError& error) {
      throw ConfigError(cat("row ", sample.row, " (id ", sample.id, "): ", error.what()));
    }
  }
  plan.work = make_plan(plan.samples.samples, plan_options(options));

  plan.model_bytes = check_flux_folder(plan.model);
  plan.model_hash = model_hash(plan.model);
  return plan;
}

std::string GeneratePlan::to_text() const {
  Json rows = Json::array();
  for (const Sample& s : samples.samples) {
    rows.push_back({s.row, s.copy, s.id, s.prompt, s.negative_prompt, s.seed,
                    s.seed_in_manifest ? Json(*s.seed_in_manifest) : Json(), s.height, s.width, s.steps,
                    s.guidance, s.true_cfg, s.further});
  }
  const Json all = {{"options", options.to_json()},
                    {"model_folder", model.folder->string()},
                    {"model_hash", model_hash},
                    {"model_bytes", model_bytes},
                    {"manifest_name", manifest_name},
                    {"manifest_sha256", manifest_sha256},
                    {"further_columns", samples.further_columns},
                    {"samples", rows},
                    {"num_ranks", mesh.size()},
                    {"max_sequence_length", max_sequence_length}};
  const std::vector<uint8_t> bytes = Json::to_cbor(all);
  return {bytes.begin(), bytes.end()};
}

GeneratePlan read_generate_plan(const std::string& text) {
  const Json all = Json::from_cbor(text.begin(), text.end());
  GeneratePlan plan;
  plan.options = Options::from_json(all.at("options"));
  plan.mesh = choose_mesh(plan.options, all.at("num_ranks"));
  plan.model = read_flux_folder(plan.options.text("model"), all.at("model_folder").get<std::string>());
  plan.model_hash = all.at("model_hash");
  plan.model_bytes = all.at("model_bytes");
  plan.manifest_name = all.at("manifest_name");
  plan.manifest_sha256 = all.at("manifest_sha256");
  plan.max_sequence_length = all.at("max_sequence_length");
  plan.samples.further_columns = all.at("further_columns").get<std::vector<std::string>>();
  for (const Json& row : all.at("samples")) {
    Sample s;
    s.row = row[0];
    s.copy = row[1];
    s.id = row[2];
    s.prompt = row[3];
    s.negative_prompt = row[4];
    s.seed = row[5];
    if (!row[6].is_null()) s.seed_in_manifest = row[6].get<uint64_t>();
    s.height = row[7];
    s.width = row[8];
    s.steps = row[9];
    s.guidance = row[10];
    s.true_cfg = row[11];
    s.further = row[12].get<std::vector<std::string>>();
    plan.samples.samples.push_back(std::move(s));
  }
  plan.work = make_plan(plan.samples.samples, plan_options(plan.options));
  return plan;
}

std::string GeneratePlan::describe() const {
  std::string text =
      cat(counted(work.num_samples(), "picture"), " from ", manifest_name, " with ", model.name, "\n");
  for (const Bucket& bucket : work.buckets) {
    text +=
        cat("  ", bucket.name(), ": ", counted(static_cast<int64_t>(bucket.samples.size()), "picture"), ", ",
            human_bytes(static_cast<uint64_t>(bucket.samples.size()) * 3 *
                        static_cast<uint64_t>(bucket.height) * static_cast<uint64_t>(bucket.width)),
            " of pixels\n");
  }
  text += cat("  ", counted(static_cast<int64_t>(work.shards.size()), "shard"), ", ", work.units.size(),
              " batches of at most ", options.integer("batch"), "\n  mesh ", mesh.to_string(), ", ",
              human_bytes(model_bytes), " of weight files\n");
  return text;
}

}  // namespace ditmesh

#include "ditmesh/model/flux_description.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/model/checkpoint.hpp"
#include "ditmesh/model/tokenizer.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

struct Component {
  std::string name;
  std::vector<std::string> classes;
};

// transformers names its tokenizers with and without "Fast".
const std::vector<Component>& components() {
  static const std::vector<Component> kComponents = {{"scheduler", {"FlowMatchEulerDiscreteScheduler"}},
                                                     {"text_encoder", {"CLIPTextModel"}},
                                                     {"text_encoder_2", {"T5EncoderModel"}},
                                                     {"tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}},
                                                     {"tokenizer_2", {"T5Tokenizer", "T5TokenizerFast"}},
                                                     {"transformer", {"FluxTransformer2DModel"}},
                                                     {"vae", {"AutoencoderKL"}}};
  return kComponents;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

fs::path hub_cache() {
  if (const auto cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const auto home = environment("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  return fs::path(environment("HOME")) / ".cache" / "huggingface" / "hub";
}

void check_index(const JsonObject& index) {
  const auto pipeline = index.get<std::string>("_class_name");
  if (pipeline != "FluxPipeline") {
    throw ConfigError(cat(index.name(), ": pipeline ", pipeline, " is unknown"), "ditmesh runs FluxPipeline");
  }
  for (const auto& [name, classes] : components()) {
    const Json& entry = index.at(name);
    const std::string found = entry.is_array() && entry.size() == 2 && entry[1].is_string()
                                  ? entry[1].get<std::string>()
                                  : entry.dump();
    if (std::find(classes.begin(), classes.end(), found) == classes.end()) {
      throw ConfigError(cat(index.name(), ": ", name, " must be ", join(classes, " or "), ", found ", found));
    }
  }
}

void require_equal(int64_t a, const std::string& a_name, int64_t b, const std::string& b_name) {
  if (a != b) {
    throw ConfigError(
        cat("the model's parts do not fit together: ", a_name, " is ", a, ", ", b_name, " is ", b),
        "the folder mixes components of different models");
  }
}

// T5's model_max_length; transformers writes 10³⁰ for "none", older folders have no such file.
int64_t read_t5_max_length(const fs::path& folder, int64_t most) {
  const fs::path path = folder / "tokenizer_2" / "tokenizer_config.json";
  if (!fs::exists(path)) return most;
  const auto config = JsonObject::read(path);
  const auto length = config.get_or("model_max_length", static_cast<double>(most));
  if (length < 1) {
    throw ConfigError(cat(config.name(), ": model_max_length must be at least 1, found ", length));
  }
  return length < static_cast<double>(most) ? static_cast<int64_t>(length) : most;
}

}  // namespace

void FluxDescription::check_size(int64_t height, int64_t width) const {
  const int64_t multiple = pixel_multiple();
  for (const auto& [what, pixels] : {std::pair("height", height), std::pair("width", width)}) {
    if (pixels >= multiple && pixels % multiple == 0) continue;
    const int64_t below = std::max(multiple, pixels / multiple * multiple);
    throw ConfigError(
        cat(what, " must be a multiple of ", multiple, " for this model, found ", pixels),
        pixels < multiple ? cat("use ", multiple) : cat("use ", below, " or ", below + multiple));
  }
}

fs::path find_model(const std::string& folder_or_name) {
  if (fs::is_directory(folder_or_name)) return folder_or_name;
  const auto parts = split(folder_or_name, '/');
  const bool could_be_name =
      parts.size() == 2 && !parts[0].empty() && !parts[1].empty() && parts[0][0] != '.';
  if (!could_be_name) {
    throw ConfigError(cat("--model: there is no folder '", folder_or_name, "'"),
                      "give a diffusers folder, or ORG/NAME of a model in the HuggingFace cache");
  }
  const fs::path repository = hub_cache() / cat("models--", parts[0], "--", parts[1]);
  const fs::path reference = repository / "refs" / "main";
  if (!fs::exists(reference)) {
    throw ConfigError(cat("--model: there is no folder '", folder_or_name,
                          "', and no such model in the cache ", hub_cache()),
                      "fetch it first, or point HF_HUB_CACHE to the cache that has it");
  }
  fs::path snapshot = repository / "snapshots" / std::string(trim(read_file(reference)));
  if (!fs::is_directory(snapshot)) {
    throw ConfigError(
        cat("--model: the cache names the snapshot ", snapshot, " of ", folder_or_name, ", it is not there"),
        "fetch the model again");
  }
  return snapshot;
}

FluxDescription read_flux_folder(const std::string& name, const fs::path& folder) {
  if (!fs::exists(folder / "model_index.json")) {
    throw ConfigError(cat(folder, " has no model_index.json"),
                      "give the folder that diffusers' save_pretrained wrote");
  }
  check_index(JsonObject::read(folder / "model_index.json"));
  FluxDescription model;
  model.name = name;
  model.folder = folder;
  model.transformer = FluxConfig::from_json(JsonObject::read(folder / "transformer" / "config.json"));
  model.vae = VaeConfig::from_json(JsonObject::read(folder / "vae" / "config.json"));
  model.clip = ClipConfig::from_json(JsonObject::read(folder / "text_encoder" / "config.json"));
  model.t5 = T5Config::from_json(JsonObject::read(folder / "text_encoder_2" / "config.json"));
  model.scheduler =
      FlowMatchEulerConfig::from_json(JsonObject::read(folder / "scheduler" / "scheduler_config.json"));
  model.t5_max_length = read_t5_max_length(folder, model.t5_max_length);
  require_equal(model.transformer.in_channels, "the transformer's in_channels", 4 * model.vae.latent_channels,
                "4 × the VAE's latent_channels");
  require_equal(model.transformer.text_width, "the transformer's joint_attention_dim", model.t5.width,
                "the T5 encoder's d_model");
  require_equal(model.transformer.pooled_width, "the transformer's pooled_projection_dim", model.clip.width,
                "the CLIP encoder's hidden_size");
  return model;
}

uint64_t check_flux_folder(const FluxDescription& model) {
  const fs::path& folder = *model.folder;
  load_clip_tokenizer(folder / "tokenizer");
  load_t5_tokenizer(folder / "tokenizer_2");
  // Built on the meta device, which has shapes and no data.
  uint64_t bytes = 0;
  const auto check = [&](const std::string& component, const auto& build) {
    Checkpoint weights(folder / component);
    build(LayerSource{weights, at::TensorOptions(at::kFloat).device(at::kMeta)});
    bytes += weights.size_bytes();
  };
  check("text_encoder", [&](const LayerSource& source) { ClipTextEncoder(model.clip, source); });
  check("text_encoder_2", [&](const LayerSource& source) { T5Encoder(model.t5, source); });
  check("transformer", [&](const LayerSource& source) {
    FluxTransformer(model.transformer, source, {0, model.transformer.num_blocks()});
  });
  check("vae", [&](const LayerSource& source) { VaeDecoder(model.vae, source); });
  return bytes;
}

std::string model_hash(const FluxDescription& model) {
  Sha256 hash;
  for (const char* config : {"transformer/config.json", "vae/config.json", "text_encoder/config.json",
                             "text_encoder_2/config.json", "scheduler/scheduler_config.json"}) {
    // Parsed and printed again: white space and the order of keys do not matter.
    hash.update(read_json_file(*model.folder / config).dump());
  }
  for (const char* component : {"transformer", "vae", "text_encoder", "text_encoder_2"}) {
    hash.update(Checkpoint(*model.folder / component).fingerprint());
  }
  return hash.hex_digest();
}

std::vector<std::string> built_in_names() {
  return {"flux.1-dev", "flux.1-schnell", "flux-small", "flux-tiny"};
}

std::optional<FluxDescription> built_in_flux(const std::string& name) {
  FluxDescription model;
  model.name = name;
  model.scheduler.shift = 3.0;
  model.scheduler.dynamic_shifting = true;
  if (name == "flux.1-dev") return model;
  if (name == "flux.1-schnell") {
    model.transformer.guidance = false;
    model.scheduler.shift = 1.0;
    model.scheduler.dynamic_shifting = false;
    return model;
  }
  // The same architecture at sizes that a CPU runs in seconds.
  if (name == "flux-small") {
    model.transformer.num_heads = 8;
    model.transformer.head_dim = 64;
    model.transformer.rotary_axes = {8, 28, 28};
    model.transformer.num_double_blocks = 4;
    model.transformer.num_single_blocks = 8;
    model.transformer.text_width = model.t5.width = 512;
    model.t5.num_heads = 8;
    model.t5.mlp_width = 1024;
    model.t5.num_layers = 4;
    model.vae.channels = {32, 64, 128, 128};
    return model;
  }
  if (name == "flux-tiny") {
    model.transformer.num_heads = 4;
    model.transformer.head_dim = 32;
    model.transformer.rotary_axes = {8, 12, 12};
    model.transformer.num_double_blocks = 2;
    model.transformer.num_single_blocks = 2;
    model.transformer.text_width = model.t5.width = 64;
    model.transformer.pooled_width = model.clip.width = 64;
    model.clip.mlp_width = 128;
    model.clip.num_layers = 2;
    model.clip.num_heads = 4;
    model.t5.num_heads = 4;
    model.t5.head_dim = 16;
    model.t5.mlp_width = 128;
    model.t5.num_layers = 2;
    model.vae.channels = {16, 32, 32, 32};
    model.vae.num_groups = 8;
    return model;
  }
  return std::nullopt;
}

}  // namespace ditmesh

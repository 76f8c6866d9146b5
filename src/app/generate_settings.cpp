#include "generate_settings.hpp"

namespace ditmesh {

PictureSettings GenerateSettings::pictures() const {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  PictureSettings pictures;
  pictures.model = read_flux_folder(options.text("model"), model_folder);
  pictures.max_sequence_length = max_sequence_length;
  pictures.batch = options.integer("batch");
  pictures.prompt_cache_bytes = static_cast<uint64_t>(options.integer("prompt-cache")) * kMiB;
  pictures.release_text_encoders = options.text("text-encoder") == "release";
  pictures.save_latents = options.flag("save-latents");
  return pictures;
}

std::string GenerateSettings::to_text() const {
  return Json{{"options", options.to_json()},
              {"model_folder", model_folder.string()},
              {"samples", samples.string()},
              {"attempt", attempt},
              {"max_sequence_length", max_sequence_length},
              {"has_work", has_work}}
      .dump();
}

GenerateSettings GenerateSettings::from_text(const std::string& text) {
  const Json json = Json::parse(text);
  GenerateSettings settings;
  settings.options = Options::from_json(json.at("options"));
  settings.model_folder = json.at("model_folder").get<std::string>();
  settings.samples = json.at("samples").get<std::string>();
  settings.attempt = json.at("attempt");
  settings.max_sequence_length = json.at("max_sequence_length");
  settings.has_work = json.at("has_work");
  return settings;
}

}  // namespace ditmesh

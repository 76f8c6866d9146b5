#include "foreign_flags.hpp"

#include <algorithm>
#include <map>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

std::optional<std::string> ours_for(const std::string& flag, const std::string& value) {
  // VALUE is replaced by what was given.
  static const std::map<std::string, std::string> kOurs = {
      {"ulysses_degree", "--mesh ulysses=VALUE"},
      {"ring_degree", "--mesh ring=VALUE"},
      {"pipefusion_parallel_degree", "--mesh pipeline=VALUE"},
      {"tensor_parallel_degree", "--mesh tensor=VALUE"},
      {"data_parallel_degree", "--mesh data=VALUE"},
      {"use_cfg_parallel", "--mesh cfg=2"},
      {"num_pipeline_patch", "--patches VALUE"},
      {"num_inference_steps", "--steps VALUE"},
      {"num_steps", "--steps VALUE"},
      {"guidance_scale", "--guidance VALUE"},
      {"true_cfg_scale", "--true-cfg VALUE"},
      {"num_images_per_prompt", "--images-per-prompt VALUE"},
      {"torch_dtype", "--dtype VALUE"},
      {"batch_size", "--batch VALUE"},
      {"output_directory", "--output VALUE"},
      {"output_dir", "--output VALUE"},
      {"output_type", "--save-latents for latents; pictures are always written"},
      {"use_parallel_vae", "nothing: the VAE runs on all ranks of a replica"},
      {"use_torch_compile", "nothing: there is no compile step"},
      {"pipefusion", "--mesh pipeline=N --patches M"},
  };
  std::string key = flag;
  std::replace(key.begin(), key.end(), '-', '_');
  const auto found = kOurs.find(key);
  if (found == kOurs.end()) return std::nullopt;
  std::string answer = found->second;
  if (const size_t place = answer.find("VALUE"); place != std::string::npos) {
    answer.replace(place, 5, value.empty() ? "N" : value);
  }
  return answer;
}

}  // namespace ditmesh

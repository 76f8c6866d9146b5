// Whole model folders: found, read, and refused with the place of the mistake.

#include "ditmesh/model/flux_description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "model/files.hpp"
#include "model/golden.hpp"

namespace ditmesh {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

template <typename Call>
std::string config_error(Call call) {
  try {
    call();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

// A copy of the golden model `dev`, to be broken.
class ModelFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(testing::golden_folder() / "dev" / "model"))
      GTEST_SKIP() << "no model 'dev' in the goldens";
    fs::copy(testing::golden_folder() / "dev" / "model", model(), fs::copy_options::recursive);
  }

  fs::path model() const { return folder.path() / "model"; }

  void set(const std::string& file, const std::string& key, const Json& value) {
    Json json = read_json_file(model() / file);
    if (value.is_null()) {
      json.erase(key);
    } else {
      json[key] = value;
    }
    folder.write("model/" + file, json.dump(1));
  }
  std::string read_error() {
    return config_error([&] { read_flux_folder("x", model()); });
  }
  std::string check_error() {
    return config_error([&] { check_flux_folder(read_flux_folder("x", model())); });
  }

  TemporaryFolder folder;
};

TEST_F(ModelFolder, IsReadAndChecked) {
  const FluxDescription description = read_flux_folder("my-name", model());
  EXPECT_EQ(description.name, "my-name");
  EXPECT_EQ(*description.folder, model());
  EXPECT_EQ(description.transformer.in_channels, 4 * description.vae.latent_channels);
  EXPECT_GT(check_flux_folder(description), 0U);
}

TEST_F(ModelFolder, DefaultsFollowTheModel) {
  const auto description = [&] { return read_flux_folder("x", model()); };
  EXPECT_EQ(description().default_steps(), 28);
  EXPECT_EQ(description().default_max_sequence_length(), 512);
  set("transformer/config.json", "guidance_embeds", false);
  EXPECT_EQ(description().default_steps(), 28) << "timesteps are shifted: not schnell";
  EXPECT_EQ(description().default_max_sequence_length(), 256);
  set("scheduler/scheduler_config.json", "use_dynamic_shifting", false);
  set("scheduler/scheduler_config.json", "shift", 1.0);
  EXPECT_EQ(description().default_steps(), 4);
  set("tokenizer_2/tokenizer_config.json", "model_max_length", 64);
  EXPECT_EQ(description().default_max_sequence_length(), 64);
  set("tokenizer_2/tokenizer_config.json", "model_max_length",
      Json::parse("1000000000000000019884624838656"));
  EXPECT_EQ(description().default_max_sequence_length(), 256);
  set("tokenizer_2/tokenizer_config.json", "model_max_length", 0);
  EXPECT_THAT(read_error(), HasSubstr("tokenizer_config.json: model_max_length must be at least 1, found 0"));
  fs::remove(model() / "tokenizer_2" / "tokenizer_config.json");
  EXPECT_EQ(description().default_max_sequence_length(), 256);
}

TEST_F(ModelFolder, WrongClassesAreNamed) {
  set("model_index.json", "_class_name", "StableDiffusion3Pipeline");
  EXPECT_THAT(
      read_error(),
      HasSubstr("model_index.json: pipeline StableDiffusion3Pipeline is unknown: ditmesh runs FluxPipeline"));
  set("model_index.json", "_class_name", "FluxPipeline");
  set("model_index.json", "scheduler", {"diffusers", "EulerDiscreteScheduler"});
  EXPECT_THAT(read_error(),
              HasSubstr("model_index.json: scheduler must be FlowMatchEulerDiscreteScheduler, found "
                        "EulerDiscreteScheduler"));
  set("model_index.json", "scheduler", {"diffusers", "FlowMatchEulerDiscreteScheduler"});
  set("model_index.json", "tokenizer", {"transformers", "BertTokenizer"});
  EXPECT_THAT(read_error(),
              HasSubstr("tokenizer must be CLIPTokenizer or CLIPTokenizerFast, found BertTokenizer"));
  set("model_index.json", "tokenizer", nullptr);
  EXPECT_THAT(read_error(), HasSubstr("model_index.json: field 'tokenizer' is missing"));
}

TEST_F(ModelFolder, ComponentConfigsSayTheirClassToo) {
  set("scheduler/scheduler_config.json", "_class_name", "DPMSolverMultistepScheduler");
  EXPECT_THAT(read_error(),
              HasSubstr("scheduler_config.json: scheduler DPMSolverMultistepScheduler is unknown"));
  set("scheduler/scheduler_config.json", "_class_name", "FlowMatchEulerDiscreteScheduler");
  set("transformer/config.json", "_class_name", "SD3Transformer2DModel");
  EXPECT_THAT(read_error(), HasSubstr("transformer/config.json: class SD3Transformer2DModel is unknown"));
}

TEST_F(ModelFolder, MissingPartsAreNamed) {
  set("text_encoder_2/config.json", "d_model", nullptr);
  EXPECT_THAT(read_error(), HasSubstr("text_encoder_2/config.json: field 'd_model' is missing"));
  fs::remove(model() / "vae" / "config.json");
  EXPECT_THAT(read_error(),
              AllOf(HasSubstr("cannot read"), HasSubstr("vae/config.json"), HasSubstr("No such file")));
  fs::remove(model() / "model_index.json");
  EXPECT_THAT(read_error(),
              HasSubstr("has no model_index.json: give the folder that diffusers' save_pretrained wrote"));
}

TEST_F(ModelFolder, MissingTokenizersAreFoundBeforeAnyWeight) {
  fs::remove_all(model() / "tokenizer");
  fs::remove_all(model() / "transformer" / "diffusion_pytorch_model.safetensors");
  EXPECT_THAT(check_error(),
              AllOf(HasSubstr("/tokenizer"), HasSubstr("neither tokenizer.json nor vocab.json")));
}

TEST_F(ModelFolder, BrokenJsonIsShownByLineAndColumn) {
  folder.write("model/transformer/config.json", "{\n  \"in_channels\": 64,\n  \"num_layers\" 2\n}");
  EXPECT_THAT(read_error(), AllOf(HasSubstr("transformer/config.json: line 3, column 16: syntax error"),
                                  HasSubstr("the file is not valid JSON, fetch or write it again")));
}

TEST_F(ModelFolder, MixedComponentsDoNotFit) {
  const auto fitting = read_flux_folder("x", model());
  const std::string remedy = ": the folder mixes components of different models";
  const auto parts = [&](const std::string& a, int64_t x, const std::string& b, int64_t y) {
    return cat("the model's parts do not fit together: ", a, " is ", x, ", ", b, " is ", y, remedy);
  };
  const int64_t text = fitting.transformer.text_width;
  const int64_t pooled = fitting.transformer.pooled_width;
  set("transformer/config.json", "joint_attention_dim", text + 1);
  EXPECT_EQ(read_error(),
            parts("the transformer's joint_attention_dim", text + 1, "the T5 encoder's d_model", text));
  set("transformer/config.json", "joint_attention_dim", text);
  set("transformer/config.json", "pooled_projection_dim", pooled + 1);
  EXPECT_EQ(read_error(), parts("the transformer's pooled_projection_dim", pooled + 1,
                                "the CLIP encoder's hidden_size", pooled));
  set("transformer/config.json", "pooled_projection_dim", pooled);
  const int64_t channels = fitting.vae.latent_channels;
  set("vae/config.json", "latent_channels", channels + 1);
  EXPECT_EQ(read_error(), parts("the transformer's in_channels", fitting.transformer.in_channels,
                                "4 × the VAE's latent_channels", 4 * (channels + 1)));
}

TEST_F(ModelFolder, WeightsOfAnotherShapeAreFoundWithoutReadingThem) {
  const auto heads = read_flux_folder("x", model()).transformer.num_heads;
  set("transformer/config.json", "num_attention_heads", heads + 1);
  EXPECT_THAT(check_error(), AllOf(HasSubstr("transformer/diffusion_pytorch_model.safetensors: tensor '"),
                                   HasSubstr("must have the shape ["), HasSubstr("by the config, found [")));
}

TEST_F(ModelFolder, HashTellsModelsApart) {
  const auto hash = [&] { return model_hash(read_flux_folder("x", model())); };
  const std::string before = hash();
  set("transformer/config.json", "_diffusers_version",
      read_json_file(model() / "transformer/config.json")["_diffusers_version"]);
  EXPECT_EQ(hash(), before) << "white space does not matter";
  set("scheduler/scheduler_config.json", "shift", 2.75);
  EXPECT_NE(hash(), before);
}

// --- sizes

TEST(CheckSize, NamesTheNearestSizes) {
  const FluxDescription model = *built_in_flux("flux.1-dev");
  EXPECT_EQ(model.pixel_multiple(), 16);
  EXPECT_EQ(model.image_tokens(1024, 768), 3072);
  for (const int64_t good : {16, 64, 1024, 4096}) {
    EXPECT_EQ(config_error([&] { model.check_size(good, 16); }), "no error");
    EXPECT_EQ(config_error([&] { model.check_size(16, good); }), "no error");
  }
  EXPECT_EQ(config_error([&] { model.check_size(1000, 1024); }),
            "height must be a multiple of 16 for this model, found 1000: use 992 or 1008");
  EXPECT_EQ(config_error([&] { model.check_size(1024, 17); }),
            "width must be a multiple of 16 for this model, found 17: use 16 or 32");
  EXPECT_EQ(config_error([&] { model.check_size(15, 17); }),
            "height must be a multiple of 16 for this model, found 15: use 16");
  EXPECT_EQ(config_error([&] { model.check_size(0, 64); }),
            "height must be a multiple of 16 for this model, found 0: use 16");
  EXPECT_EQ(config_error([&] { model.check_size(64, -64); }),
            "width must be a multiple of 16 for this model, found -64: use 16");
}

TEST(BuiltIn, NamesAreKnown) {
  for (const std::string& name : built_in_names()) {
    const auto model = built_in_flux(name);
    ASSERT_TRUE(model) << name;
    EXPECT_EQ(model->name, name);
    EXPECT_FALSE(model->folder);
    EXPECT_EQ(model->transformer.in_channels, 4 * model->vae.latent_channels) << name;
    EXPECT_EQ(model->transformer.text_width, model->t5.width) << name;
    EXPECT_EQ(model->transformer.pooled_width, model->clip.width) << name;
    EXPECT_EQ(sum(model->transformer.rotary_axes), model->transformer.head_dim) << name;
  }
  EXPECT_FALSE(built_in_flux("flux"));
}

}  // namespace
}  // namespace ditmesh

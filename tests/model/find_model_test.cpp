// Models in the HuggingFace cache: models--ORG--NAME/{blobs,refs,snapshots},
// where the files of a snapshot are links into blobs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "model/files.hpp"
#include "model/golden.hpp"

namespace ditmesh {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using ::testing::ThrowsMessage;

// Sets a variable of the environment, and puts it back.
class Environment {
 public:
  Environment(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

class HubCache : public ::testing::Test {
 protected:
  fs::path repository() const { return hub / "models--org--tiny-flux"; }
  fs::path snapshot() const { return repository() / "snapshots" / "0123abcd"; }

  // As huggingface_hub leaves a download.
  void fill(const fs::path& model) {
    for (const auto& entry :
         fs::recursive_directory_iterator(model, fs::directory_options::follow_directory_symlink)) {
      if (!entry.is_regular_file()) continue;
      const fs::path blob = repository() / "blobs" / std::to_string(num_blobs++);
      fs::create_directories(blob.parent_path());
      fs::copy_file(entry.path(), blob);
      const fs::path link = snapshot() / fs::relative(entry.path(), model);
      fs::create_directories(link.parent_path());
      fs::create_symlink(fs::relative(blob, link.parent_path()), link);
    }
    cache.write("hub/models--org--tiny-flux/refs/main", "0123abcd\n");
  }

  TemporaryFolder cache;
  fs::path hub = cache.path() / "hub";
  int num_blobs = 0;
  Environment hub_cache{"HF_HUB_CACHE", hub.string()};
};

TEST_F(HubCache, ModelsAreReadThroughTheLinks) {
  const fs::path model = testing::golden_folder() / "dev" / "model";
  if (!fs::exists(model)) GTEST_SKIP() << "no model 'dev' in the goldens";
  fill(model);
  ASSERT_TRUE(fs::is_symlink(snapshot() / "model_index.json"));
  const fs::path found = find_model("org/tiny-flux");
  EXPECT_EQ(found, snapshot());
  const FluxDescription description = read_flux_folder("org/tiny-flux", found);
  EXPECT_EQ(description.name, "org/tiny-flux");
  EXPECT_EQ(check_flux_folder(description), check_flux_folder(read_flux_folder("dev", model)));
  EXPECT_EQ(model_hash(description), model_hash(read_flux_folder("dev", model)));
}

TEST_F(HubCache, IsLookedForWhereHuggingFaceLooks) {
  cache.write("hub/models--org--tiny-flux/refs/main", "0123abcd");
  fs::create_directories(snapshot());
  EXPECT_EQ(find_model("org/tiny-flux"), snapshot());

  const Environment no_cache("HF_HUB_CACHE", std::nullopt);
  {
    const Environment home("HF_HOME", cache.path().string());
    EXPECT_EQ(find_model("org/tiny-flux"), snapshot());
  }
  const Environment no_home("HF_HOME", std::nullopt);
  const Environment user("HOME", cache.path().string());
  fs::create_directories(cache.path() / ".cache" / "huggingface");
  fs::rename(hub, cache.path() / ".cache" / "huggingface" / "hub");
  EXPECT_EQ(find_model("org/tiny-flux"),
            cache.path() / ".cache/huggingface/hub/models--org--tiny-flux/snapshots/0123abcd");
}

TEST_F(HubCache, AFolderComesFirst) { EXPECT_EQ(find_model(cache.path().string()), cache.path()); }

TEST_F(HubCache, MissingModelsSayWhereWasLooked) {
  EXPECT_THAT([] { find_model("org/other"); },
              ThrowsMessage<ConfigError>(AllOf(
                  HasSubstr("--model: there is no folder 'org/other', and no such model in the cache "),
                  HasSubstr(hub.string()), HasSubstr("fetch it first, or point HF_HUB_CACHE to the cache"))));
  for (const char* no_name : {"/no/such/folder", "nothing", "./a", "../a/b", "a/", "/a"}) {
    EXPECT_THAT([&] { find_model(no_name); },
                ThrowsMessage<ConfigError>(
                    AllOf(HasSubstr(std::string("--model: there is no folder '") + no_name + "': "),
                          HasSubstr("or ORG/NAME of a model in the HuggingFace cache"))));
  }
  cache.write("hub/models--org--tiny-flux/refs/main", "0123abcd");
  EXPECT_THAT(
      [] { find_model("org/tiny-flux"); },
      ThrowsMessage<ConfigError>(AllOf(HasSubstr("the cache names the snapshot"), HasSubstr("0123abcd"),
                                       HasSubstr("it is not there: fetch the model again"))));
}

}  // namespace
}  // namespace ditmesh

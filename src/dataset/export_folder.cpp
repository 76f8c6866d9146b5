#include "export_folder.hpp"

#include <fstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

// What a killed attempt may leave before export.json has its name.
bool is_empty_but_for(const fs::path& folder, const std::string& name) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != name) return false;
  }
  return true;
}

}  // namespace

void ExportIdentity::require_same(const Json& found, const fs::path& to) const {
  const auto differences = setting_differences(found.value("settings", OrderedJson::object()), settings);
  if (!differences.empty()) {
    throw ConfigError(cat(to, " holds an export with other settings: ", join(differences, "; ")),
                      "give the settings as before, or a new place with --to");
  }
  std::vector<std::string> others;
  const Json before = found.value("source", Json::object());
  for (const auto& [key, value] : source.items()) {
    if (before.value(key, Json()) != Json(value))
      others.push_back(cat(key, " was ", before.value(key, Json()).dump(), ", is ", value.dump(), " now"));
  }
  if (others.empty()) return;
  throw ConfigError(cat(to, " holds an export of another dataset: ", join(others, "; ")),
                    "give a new place with --to");
}

std::set<std::string> ExportFolder::begin(const ExportIdentity& identity) {
  if (fs::exists(to_) && !fs::is_directory(to_))
    throw ConfigError(cat(to_, " is a file"), "give a folder with --to");
  create_folders(to_);
  if (fs::exists(json())) {
    const Json found = read_json_file(json());
    if (!found.is_object())
      throw ConfigError(cat(json(), " is no JSON object"), "give a new folder with --to");
    identity.require_same(found, to_);
    if (found.value("complete", false)) {
      complete_ = PieceResult::from_json(found);
      fs::remove_all(work());
      return {};
    }
  } else {
    if (!is_empty_but_for(to_, "export.json.tmp")) {
      throw ConfigError(cat(to_, " is not empty: an export would mix with what is there"),
                        "give a new folder with --to");
    }
    OrderedJson begun = identity.to_json();
    begun["complete"] = false;
    write_file_atomically(json(), begun.dump(2) + "\n");
  }
  for (const char* folder : {"tree", "metadata", "finished"}) create_folders(work() / folder);
  std::set<std::string> finished;
  for (const auto& entry : fs::directory_iterator(work() / "finished"))
    finished.insert(entry.path().filename().string());
  return finished;
}

fs::path ExportFolder::tree(const std::string& split) const {
  fs::path folder = work() / "tree" / split;
  create_folders(folder);
  return folder;
}

void ExportFolder::set_finished(const std::string& piece, const PieceResult& result) const {
  write_file_atomically(work() / "finished" / piece, result.to_json().dump());
}

PieceResult ExportFolder::finished(const std::string& piece) const {
  return PieceResult::from_json(read_json_file(work() / "finished" / piece));
}

void ExportFolder::join_metadata(const std::string& split, const std::vector<std::string>& pieces) const {
  const fs::path path = tree(split) / "metadata.jsonl";
  const fs::path temporary = path.string() + ".tmp";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    for (const std::string& piece : pieces) {
      std::ifstream in(metadata(piece), std::ios::binary);
      if (!in) {
        throw EnvironmentError(cat(metadata(piece), " cannot be read"),
                               "bring it back, or start with a new --to");
      }
      if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
    }
    out.close();
    if (!out) throw EnvironmentError(cat("cannot write ", temporary), "check the free space");
  }
  rename_durably(temporary, path);
}

void ExportFolder::set_ready() const { write_file_atomically(work() / "ready", ""); }

void ExportFolder::move(const std::vector<std::string>& names, const OrderedJson& description) const {
  for (const std::string& name : names) {
    test_pause("export-move");
    const fs::path from = work() / "tree" / name;
    if (fs::exists(from)) rename_durably(from, to_ / name);
  }
  write_file_atomically(json(), description.dump(2) + "\n");
  test_pause("export-move");
  fs::remove_all(work());
}

}  // namespace ditmesh

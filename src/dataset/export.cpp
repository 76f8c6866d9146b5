#include "ditmesh/dataset/export.hpp"

#include <array>
#include <cstdio>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/png.hpp"
#include "export_folder.hpp"
#include "export_pieces.hpp"
#include "export_source.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

std::string five_digits(int64_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%05lld", static_cast<long long>(number));
  return text.data();
}

ExportIdentity identity_of(const ExportSource& source, const ExportSettings& settings) {
  const auto num_samples =
      shape_of(open_dataset(open_group(source.index(), "samples").get(), "row").get()).at(0);
  return {settings.to_json(),
          {{"content_hash", read_text_attribute(source.index(), "content_hash")},
           {"num_samples", num_samples},
           {"image_format", source.image_format().to_string()}}};
}

// The counts of an export that is a file; throws ConfigError if the file is another one.
PieceResult check_export_file(const fs::path& path, const ExportIdentity& identity) {
  const ConfigError other(cat(path, " is there already, and no export of ours"), "give a new file with --to");
  if (fs::is_directory(path))
    throw ConfigError(cat(path, " is a folder"), "give a file with --to, as cats.h5");
  if (!is_hdf5_file(path)) throw other;
  const Hdf5Handle file = open_hdf5_file(path);
  if (!has_attribute(file.get(), "export")) throw other;
  const Json about =
      parse_json(read_text_attribute(file.get(), "export"), cat("the attribute export of ", path));
  identity.require_same(about, path);
  return PieceResult::from_json(about);
}

}  // namespace

std::string PieceContent::name_of(const Sample& sample, std::string (*encode)(const std::string&)) const {
  const std::string name = encode(sample.id);
  return with_copy ? cat(name, "-", sample.copy) : name;
}

void PieceContent::tell(int64_t num_written) const {
  if (progress) progress(num_written);
}

void PieceResult::add(const PieceResult& other) {
  if (num_unreadable == 0) first_unreadable = other.first_unreadable;
  num_written += other.num_written;
  num_unreadable += other.num_unreadable;
}

OrderedJson PieceResult::to_json() const {
  return {{"num_pictures", num_written},
          {"num_unreadable", num_unreadable},
          {"first_unreadable", first_unreadable}};
}

PieceResult PieceResult::from_json(const Json& json) {
  const JsonObject object(json, "the counts of an export");
  return {object.get<int64_t>("num_pictures"), object.get<int64_t>("num_unreadable"),
          object.get<std::string>("first_unreadable")};
}

struct Export::State {
  fs::path path;
  fs::path to;
  ExportSettings settings;
  ExportSource source;
  ExportIdentity identity;
  ExportPlan plan;
  ExportFolder folder;
  std::optional<PieceResult> complete_file;  // that begin() found

  State(fs::path the_path, fs::path the_to, ExportSettings the_settings)
      : path(std::move(the_path)),
        to(std::move(the_to)),
        settings(std::move(the_settings)),
        source(path, settings.is_verified),
        identity(identity_of(source, settings)),
        plan(plan_export(path, settings)),
        folder(to) {}

  bool is_file() const { return settings.format == ExportFormat::hdf5 && settings.splits.empty(); }
  const std::string& split_of(const ExportPiece& piece) const { return plan.split_names.at(piece.split); }

  std::string name_of(const ExportPiece& piece) const {
    const std::string number = five_digits(piece.number);
    return split_of(piece).empty() ? number : cat(split_of(piece), "-", number);
  }

  PieceResult write(const ExportPiece& piece, const PieceContent& content) const {
    if (is_file()) return write_hdf5_piece(content, to, identity.to_json());
    PieceResult result;
    if (settings.format == ExportFormat::hdf5) {
      OrderedJson about = identity.to_json();
      about["part"] = split_of(piece);
      result = write_hdf5_piece(content, folder.tree("") / cat(split_of(piece), ".h5"), about);
    } else if (settings.format == ExportFormat::webdataset) {
      result =
          write_tar_piece(content, folder.tree(split_of(piece)) / cat(five_digits(piece.number), ".tar"));
    } else {
      const std::string images = plan.is_alone(piece) ? "images" : cat("images/", five_digits(piece.number));
      result = write_png_piece(content, folder.tree(split_of(piece)) / images, images,
                               folder.metadata(name_of(piece)));
    }
    folder.set_finished(name_of(piece), result);
    return result;
  }

  // What move() takes to TO.
  std::vector<std::string> top_names() const {
    std::vector<std::string> names;
    if (settings.format == ExportFormat::hdf5) {
      for (const std::string& split : plan.split_names) names.push_back(cat(split, ".h5"));
    } else if (!settings.splits.empty()) {
      names = plan.split_names;
    } else if (settings.format == ExportFormat::png) {
      names = {"images", "metadata.jsonl"};
    } else {
      for (const ExportPiece& piece : plan.pieces) names.push_back(cat(five_digits(piece.number), ".tar"));
    }
    return names;
  }

  void join_metadata() const {
    for (size_t split = 0; split < plan.split_names.size(); ++split) {
      std::vector<std::string> pieces;
      for (const ExportPiece& piece : plan.pieces) {
        if (piece.split == split) pieces.push_back(name_of(piece));
      }
      folder.join_metadata(plan.split_names[split], pieces);
    }
  }

  // What export.json says in the end.
  OrderedJson description(const PieceResult& all, const std::vector<int64_t>& num_by_split) const {
    OrderedJson json = identity.to_json();
    json["complete"] = true;
    json.update(all.to_json());
    json["num_without_pixels"] = plan.num_without_pixels;
    if (!settings.splits.empty()) {
      for (size_t split = 0; split < num_by_split.size(); ++split)
        json["splits"][plan.split_names[split]] = num_by_split[split];
    }
    return json;
  }
};

Export::Export(fs::path path, fs::path to, ExportSettings settings) {
  if (settings.format == ExportFormat::contact_sheet) throw InternalError("a contact sheet has no pieces");
  state_ = std::make_unique<State>(std::move(path), std::move(to), std::move(settings));
}

Export::~Export() = default;

const ExportPlan& Export::plan() const { return state_->plan; }

bool Export::is_complete() const {
  return state_->complete_file.has_value() || state_->folder.complete().has_value();
}

std::vector<size_t> Export::begin() {
  State& state = *state_;
  std::set<std::string> finished;
  if (!state.is_file()) {
    finished = state.folder.begin(state.identity);
  } else if (fs::exists(state.to)) {
    state.complete_file = check_export_file(state.to, state.identity);
  } else if (state.to.has_parent_path()) {
    create_folders(state.to.parent_path());
  }
  if (is_complete()) return {};
  std::vector<size_t> left;
  for (size_t i = 0; i < state.plan.pieces.size(); ++i) {
    if (!finished.contains(state.name_of(state.plan.pieces[i]))) left.push_back(i);
  }
  return left;
}

fs::path Export::shared_folder() const { return state_->is_file() ? fs::path() : state_->folder.work(); }

PieceResult Export::write_piece(size_t number, const ExportProgress& progress) {
  const ExportPiece& piece = state_->plan.pieces.at(number);
  return state_->write(piece,
                       {state_->source, state_->plan.rows_of(piece), state_->plan.has_copies, progress});
}

PieceResult Export::finish() {
  const State& state = *state_;
  if (state.is_file()) return check_export_file(state.to, state.identity);
  if (state.folder.complete()) return *state.folder.complete();
  PieceResult all;
  std::vector<int64_t> num_by_split(state.plan.split_names.size());
  for (const ExportPiece& piece : state.plan.pieces) {
    const PieceResult result = state.folder.finished(state.name_of(piece));
    all.add(result);
    num_by_split[piece.split] += result.num_written;
  }
  if (!state.folder.is_ready()) {
    if (state.settings.format == ExportFormat::png) state.join_metadata();
    state.folder.set_ready();
  }
  state.folder.move(state.top_names(), state.description(all, num_by_split));
  return all;
}

PieceResult export_dataset(const fs::path& path, const fs::path& to, const ExportSettings& settings,
                           const ExportProgress& progress) {
  check_export(path, to, settings.is_verified);
  Export exported(path, to, settings);
  int64_t before = 0;
  for (const size_t piece : exported.begin()) {
    const auto tell = [&](int64_t count) {
      if (progress) progress(before + count);
    };
    before += exported.write_piece(piece, tell).num_written;
  }
  return exported.finish();
}

SheetExport export_contact_sheet(const fs::path& path, const fs::path& to, const ExportSettings& settings,
                                 const ContactSheetOptions& options) {
  if (fs::is_directory(to)) throw ConfigError(cat(to, " is a folder"), "give a file with --to, as sheet.png");
  if (!settings.splits.empty()) {
    throw ConfigError("--split: a contact sheet is one picture",
                      "leave it out, or choose pictures with --where");
  }
  check_export(path, to, settings.is_verified);
  ExportSource source(path, settings.is_verified);
  SheetExport exported;
  exported.plan = plan_export(path, settings);
  const auto& rows = exported.plan.rows.front();
  std::vector<uint32_t> shown;
  for (const int64_t i : pick_evenly(static_cast<int64_t>(rows.size()), options.max_pictures)) {
    const uint32_t row = rows[static_cast<size_t>(i)];
    if (source.read(source.row(row), exported.result)) shown.push_back(row);
  }
  const auto row = [&](int64_t number) -> const DatasetRow& {
    return source.row(shown[static_cast<size_t>(number)]);
  };
  PieceResult told_above;
  exported.sheet = make_contact_sheet(
      static_cast<int64_t>(shown.size()),
      [&](int64_t number) {
        return source.decode(source.read(row(number), told_above).value(), row(number));
      },
      [&](int64_t number) { return row(number).sample.prompt; }, options);
  exported.sheet.num_available = static_cast<int64_t>(rows.size());
  exported.result.num_written = exported.sheet.num_shown;
  write_png(to, exported.sheet.image, {{"Software", "ditmesh"}});
  return exported;
}

}  // namespace ditmesh

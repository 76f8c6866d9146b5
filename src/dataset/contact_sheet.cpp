#include "ditmesh/dataset/contact_sheet.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/text_renderer.hpp"

namespace ditmesh {

namespace {

constexpr uint8_t kPaper = 250;
constexpr uint8_t kInk = 64;
constexpr int32_t kMargin = 24;
constexpr int32_t kColumnGap = 20;
constexpr int32_t kRowGap = 22;
constexpr int32_t kCaptionGap = 7;  // between a picture and its text
constexpr int64_t kMaxSheetPixels = 100'000'000;

// Small pictures grow by whole factors, pixel by pixel: a blur would hide what they are.
Image enlarge(const Image& image, int32_t factor) {
  Image large(image.height * factor, image.width * factor);
  for (int32_t y = 0; y < large.height; ++y) {
    for (int32_t x = 0; x < large.width; ++x)
      std::copy_n(image.at(y / factor, x / factor), 3, large.at(y, x));
  }
  return large;
}

Image thumbnail(const Image& image, int32_t side) {
  const int32_t longest = std::max(image.height, image.width);
  if (longest <= side) return side / longest > 1 ? enlarge(image, side / longest) : image;
  const auto scaled = [&](int32_t length) {
    return std::max<int32_t>(1,
                             static_cast<int32_t>(std::lround(static_cast<double>(length) * side / longest)));
  };
  return shrink(image, scaled(image.height), scaled(image.width));
}

int32_t columns_of(int64_t count, const ContactSheetOptions& options) {
  if (options.columns > 0) return options.columns;
  return static_cast<int32_t>(std::ceil(std::sqrt(static_cast<double>(count))));
}

void check_options(int64_t count, const ContactSheetOptions& options) {
  if (count < 1) {
    throw ConfigError("a contact sheet needs at least one picture, found none",
                      "let the job make some first");
  }
  if (options.max_pictures < 1 || options.thumb_px < 32 || options.columns < 0 || options.caption_lines < 0) {
    throw ConfigError(
        cat("a contact sheet needs at least 1 picture of 32 pixels, asked are ", options.max_pictures, " of ",
            options.thumb_px, " in ", options.columns, " columns with ", options.caption_lines, " lines"),
        "use larger numbers");
  }
}

struct Cell {
  Image picture;
  std::vector<std::string> caption;
};

// Cells of one row stand on a common line: pictures end there, texts begin.
struct SheetRow {
  std::vector<Cell> cells;
  int32_t picture_height = 0;
  size_t num_lines = 0;

  void add(Cell cell) {
    picture_height = std::max(picture_height, cell.picture.height);
    num_lines = std::max(num_lines, cell.caption.size());
    cells.push_back(std::move(cell));
  }
  int32_t height(int32_t line_height) const {
    const auto text = static_cast<int32_t>(num_lines) * line_height;
    return picture_height + (text > 0 ? kCaptionGap + text : 0);
  }
};

}  // namespace

std::vector<int64_t> pick_evenly(int64_t count, int64_t shown) {
  std::vector<int64_t> picked;
  if (shown >= count) {
    for (int64_t i = 0; i < count; ++i) picked.push_back(i);
  } else if (shown == 1) {
    picked.push_back(0);
  } else {
    for (int64_t i = 0; i < shown; ++i) picked.push_back(i * (count - 1) / (shown - 1));
  }
  return picked;
}

ContactSheet make_contact_sheet(int64_t count, const std::function<Image(int64_t)>& picture,
                                const std::function<std::string(int64_t)>& caption,
                                const ContactSheetOptions& options) {
  check_options(count, options);
  const std::vector<int64_t> shown = pick_evenly(count, options.max_pictures);
  const auto num_shown = static_cast<int64_t>(shown.size());
  const int32_t columns = columns_of(num_shown, options);
  const int64_t num_rows = (num_shown + columns - 1) / columns;
  const int64_t about = num_rows * columns * int64_t{options.thumb_px} * options.thumb_px;
  if (about > kMaxSheetPixels) {
    throw ConfigError(cat("a contact sheet has at most ", kMaxSheetPixels, " pixels, ", num_shown,
                          " pictures of ", options.thumb_px, " pixels make ", about),
                      "show fewer or smaller ones");
  }

  const TextRenderer text(std::max(12, options.thumb_px / 18));
  std::vector<SheetRow> rows;
  for (size_t i = 0; i < shown.size(); ++i) {
    if (i % static_cast<size_t>(columns) == 0) rows.emplace_back();
    rows.back().add({thumbnail(picture(shown[i]), options.thumb_px),
                     text.wrap(caption(shown[i]), options.thumb_px, options.caption_lines)});
  }

  const int32_t used_columns = std::min<int32_t>(columns, static_cast<int32_t>(num_shown));
  const int32_t width = 2 * kMargin + used_columns * options.thumb_px + (used_columns - 1) * kColumnGap;
  int32_t height = 2 * kMargin - kRowGap;
  for (const SheetRow& row : rows) height += row.height(text.line_height_px()) + kRowGap;

  ContactSheet sheet;
  sheet.image = Image(height, width, kPaper);
  sheet.num_shown = num_shown;
  sheet.num_available = count;
  sheet.has_captions = text.available() && options.caption_lines > 0;
  int32_t y = kMargin;
  for (const SheetRow& row : rows) {
    int32_t x = kMargin;
    for (const Cell& cell : row.cells) {
      paste(sheet.image, cell.picture, y + row.picture_height - cell.picture.height,
            x + (options.thumb_px - cell.picture.width) / 2);
      int32_t line_y = y + row.picture_height + kCaptionGap;
      for (const std::string& line : cell.caption) {
        text.draw(sheet.image, line, line_y, x + (options.thumb_px - text.width_px(line)) / 2, kInk);
        line_y += text.line_height_px();
      }
      x += options.thumb_px + kColumnGap;
    }
    y += row.height(text.line_height_px()) + kRowGap;
  }
  return sheet;
}

ContactSheet make_contact_sheet(const Dataset& dataset, const ContactSheetOptions& options) {
  std::vector<int64_t> done;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    if (dataset.row(i).status == SampleStatus::done) done.push_back(i);
  }
  const auto picture = [&](int64_t number) { return dataset.pixels(done[static_cast<size_t>(number)]); };
  const auto caption = [&](int64_t number) {
    return dataset.row(done[static_cast<size_t>(number)]).sample.prompt;
  };
  return make_contact_sheet(static_cast<int64_t>(done.size()), picture, caption, options);
}

}  // namespace ditmesh

#pragma once
// Many pictures on one page, with their captions.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/reader.hpp"

namespace ditmesh {

struct ContactSheetOptions {
  int64_t max_pictures = 64;  // more: evenly picked
  int32_t thumb_px = 256;     // longest side
  int32_t columns = 0;        // 0: by the number of pictures
  int32_t caption_lines = 3;
};

struct ContactSheet {
  Image image;
  int64_t num_shown = 0;
  int64_t num_available = 0;
  /// False on a machine without fonts: the sheet is pictures only.
  bool has_captions = false;
};

/// A grid of `count` pictures; `picture(i)` and `caption(i)` are asked only for
/// those shown. Throws ConfigError if there are none.
ContactSheet make_contact_sheet(int64_t count, const std::function<Image(int64_t)>& picture,
                                const std::function<std::string(int64_t)>& caption,
                                const ContactSheetOptions& options = {});

/// The done samples of a dataset with their prompts.
ContactSheet make_contact_sheet(const Dataset& dataset, const ContactSheetOptions& options = {});

/// `shown` of 0 … count−1 at equal distances, first and last among them:
/// (10, 4) → 0 3 6 9.
std::vector<int64_t> pick_evenly(int64_t count, int64_t shown);

}  // namespace ditmesh

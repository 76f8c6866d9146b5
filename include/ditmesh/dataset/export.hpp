#pragma once
// Datasets as other tools want them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "ditmesh/dataset/contact_sheet.hpp"
#include "ditmesh/dataset/reader.hpp"

namespace ditmesh {

struct ExportResult {
  int64_t num_written = 0;
  int64_t num_skipped = 0;  // not done
};

/// Called after each picture with the number written so far.
using ExportProgress = std::function<void(int64_t)>;

/// TO/images/ID.png (ID-COPY.png if a row has several copies; the id percent
/// encoded) and TO/metadata.jsonl, an imagefolder as HuggingFace `datasets`
/// reads it: file_name, text, then the columns. Only done samples. Throws
/// ConfigError if TO is there and not empty.
ExportResult export_png(const Dataset& dataset, const std::filesystem::path& to,
                        const ExportProgress& progress = {});

/// One PNG file. Throws ConfigError if nothing is done, or TO is a folder.
ContactSheet export_contact_sheet(const Dataset& dataset, const std::filesystem::path& to,
                                  const ContactSheetOptions& options = {});

/// Letters, digits, '.', '_' and '-' as they are (but for a leading '.'), every
/// other byte as %XX; a name over 200 bytes is cut and ends in a hash of the id.
std::string file_name_of_id(const std::string& id);

}  // namespace ditmesh

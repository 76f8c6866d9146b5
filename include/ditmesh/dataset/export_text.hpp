#pragma once
// How a sample is named and described in an export.

#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/reader.hpp"

namespace ditmesh {

/// Letters, digits, '.', '_' and '-' as they are (but for a leading '.'), every
/// other byte as %XX; a name over 200 bytes is cut and ends in a hash of the id.
std::string file_name_of_id(const std::string& id);

/// The same with '.' as %2E too: WebDataset takes what stands behind the first '.' for the name of a part.
std::string key_of_id(const std::string& id);

/// file_name (unless it is empty), text (the prompt), then the columns; a further column whose name is taken
/// gets the suffix _in_manifest.
OrderedJson metadata_of(const DatasetRow& row, const std::vector<std::string>& further_columns,
                        const std::string& file_name = {});

/// As one line, whatever the bytes of its texts.
std::string json_line(const OrderedJson& json);

/// What other tools write into the PNG text `parameters`, and read from it:
///   a cat
///   Negative prompt: blurry
///   Steps: 28, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 7, Size: 768x1024
/// Sizes are WIDTHxHEIGHT there; CFG scale is our true CFG, Distilled CFG Scale our guidance. Source:
/// AUTOMATIC1111's and Forge's create_infotext().
std::string parameters_of(const Sample& sample);

}  // namespace ditmesh

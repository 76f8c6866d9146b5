#pragma once
// The group /samples: which columns there are, in what order, with what units.

#include <string>
#include <vector>

#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// Whether ditmesh itself writes a column of this name, or reads one from the
/// manifest.
bool is_sample_column(const std::string& name);

/// The units of a column of /samples, for its attribute.
std::string column_units(const std::string& name);

/// Writes /samples: one row per sample, and the manifest's further columns; encoded_sha256 unless `format` is
/// raw.
void write_samples(hid_t file, const std::vector<DatasetRow>& rows,
                   const std::vector<std::string>& further_columns, const ImageFormat& format);

struct SampleTable {
  std::vector<DatasetRow> rows;
  std::vector<std::string> further_columns;
};

/// Reads /samples of an index or a shard.
SampleTable read_samples(hid_t file);
/// Rows [begin, begin + count) of it.
SampleTable read_samples(hid_t file, size_t begin, size_t count);

}  // namespace ditmesh

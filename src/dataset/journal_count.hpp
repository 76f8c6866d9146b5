#pragma once

#include <cstdint>
#include <filesystem>

namespace ditmesh {

/// Whole records of a journal, counted by their lengths alone: no pixel is read, no checksum looked at. 0 if
/// the file is none.
int64_t count_journal_records(const std::filesystem::path& path);

}  // namespace ditmesh

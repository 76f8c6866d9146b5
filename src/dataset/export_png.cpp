// A folder of PNG files.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/export_text.hpp"
#include "ditmesh/dataset/png.hpp"
#include "export_pieces.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view doing, const fs::path& path) {
  throw EnvironmentError(cat("cannot ", doing, " ", path, ": ", std::strerror(errno)),
                         "check the path, its permissions and the free space");
}

void write_unsynced(const fs::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (!out) fail("write", path);
}

// All files of a folder at once: an fsync for each of a thousand small ones costs more than making them.
void sync_all(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail("open", folder);
  const int result = ::syncfs(fd);
  const int error = errno;
  ::close(fd);
  errno = error;
  if (result != 0) fail("sync", folder);
}

}  // namespace

PieceResult write_png_piece(const PieceContent& content, const fs::path& folder, const std::string& prefix,
                            const fs::path& metadata) {
  const fs::path temporary = folder.string() + ".tmp";
  for (const fs::path& before : {temporary, folder}) fs::remove_all(before);  // of an attempt that was killed
  create_folders(temporary);
  ExportSource& source = content.source;
  PieceResult result;
  std::string lines;
  for (const uint32_t i : content.rows) {
    test_pause("export-picture");
    const DatasetRow& row = source.row(i);
    auto picture = source.read(row, result);
    if (!picture) continue;
    const std::string name = cat(content.name_of(row.sample, file_name_of_id), ".png");
    OrderedJson described = metadata_of(row, source.further_columns());
    described.erase("device_seconds");  // the same sample, made again, is the same file
    write_unsynced(temporary / name, encode_png(source.decode(std::move(*picture), row),
                                                {{"parameters", parameters_of(row.sample)},
                                                 {"ditmesh", json_line(described)},
                                                 {"Software", "ditmesh"}}));
    lines += json_line(metadata_of(row, source.further_columns(), cat(prefix, "/", name)));
    lines += '\n';
    content.tell(++result.num_written);
  }
  sync_all(temporary);
  rename_durably(temporary, folder);
  write_file_atomically(metadata, lines);
  return result;
}

}  // namespace ditmesh

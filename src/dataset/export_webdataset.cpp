// A tar of WebDataset: the members of a sample stand together, and have its key before the first dot.

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/export_text.hpp"
#include "ditmesh/dataset/png.hpp"
#include "ditmesh/dataset/tar_writer.hpp"
#include "export_pieces.hpp"

namespace ditmesh {

namespace {

std::string_view extension_of(const ImageFormat& format) {
  switch (format.kind) {
    case ImageKind::raw:
    case ImageKind::png:
      return ".png";
    case ImageKind::webp:
      return ".webp";
    case ImageKind::jpeg:
      return ".jpg";
  }
  throw InternalError("an image format has no extension");
}

}  // namespace

PieceResult write_tar_piece(const PieceContent& content, const std::filesystem::path& path) {
  ExportSource& source = content.source;
  const std::string_view extension = extension_of(source.image_format());
  PieceResult result;
  TarWriter tar(path);
  for (const uint32_t i : content.rows) {
    test_pause("export-picture");
    const DatasetRow& row = source.row(i);
    const auto picture = source.read(row, result);
    if (!picture) continue;
    const std::string key = content.name_of(row.sample, key_of_id);
    tar.add(cat(key, extension),
            source.image_format().is_raw() ? encode_png(picture->image) : picture->encoded);
    tar.add(cat(key, ".txt"), row.sample.prompt);
    tar.add(cat(key, ".json"), json_line(metadata_of(row, source.further_columns())));
    content.tell(++result.num_written);
  }
  tar.finish();
  return result;
}

}  // namespace ditmesh

#include "ditmesh/dataset/compare.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/contact_sheet.hpp"

namespace ditmesh {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string key_of(const DatasetRow& row) { return cat(row.sample.id, '\0', row.sample.copy); }
std::string name_of(const DatasetRow& row) { return cat(row.sample.id, " #", row.sample.copy); }

std::unordered_map<std::string, int64_t> rows_by_key(const Dataset& dataset) {
  std::unordered_map<std::string, int64_t> rows;
  for (int64_t i = 0; i < dataset.size(); ++i) rows.emplace(key_of(dataset.row(i)), i);
  return rows;
}

// Rows of `dataset` that are not in `other`.
int64_t list_missing(const Dataset& dataset, const std::unordered_map<std::string, int64_t>& other,
                     std::vector<std::string>& names) {
  int64_t count = 0;
  for (const DatasetRow& row : dataset.rows()) {
    if (other.contains(key_of(row))) continue;
    if (++count <= static_cast<int64_t>(kMaxListed)) names.push_back(name_of(row));
  }
  return count;
}

// Whether the stored pixels are the same by their hashes alone. Those of the pixels before encoding say
// nothing of what a format with losses left of them.
bool have_equal_hashes(const Dataset& a, const DatasetRow& in_a, const Dataset& b, const DatasetRow& in_b) {
  if (a.image_format().is_lossless() && b.image_format().is_lossless()) return in_a.sha256 == in_b.sha256;
  return a.image_format() == b.image_format() && in_a.encoded_sha256 == in_b.encoded_sha256;
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  // The mean of infinity and a number is infinity, of two infinities too.
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

bool is_worse(const ComparedPair& a, const ComparedPair& b) {
  return a.difference.psnr_db < b.difference.psnr_db;
}

// Keeps the `most` pairs with the lowest PSNR, sorted; of equal ones the first.
void keep_worst(std::vector<ComparedPair>& worst, ComparedPair pair, size_t most) {
  worst.insert(std::upper_bound(worst.begin(), worst.end(), pair, is_worse), std::move(pair));
  if (worst.size() > most) worst.pop_back();
}

// JSON has no infinity.
OrderedJson psnr_json(std::optional<double> psnr) {
  if (!psnr) return nullptr;
  if (std::isinf(*psnr)) return "identical";
  return *psnr;
}

std::string psnr_text(std::optional<double> psnr) {
  if (!psnr) return "none";
  if (std::isinf(*psnr)) return "identical";
  return cat(std::fixed, std::setprecision(2), *psnr, " dB");
}

void print_only_in(std::ostream& out, const char* which, int64_t count,
                   const std::vector<std::string>& names) {
  if (count == 0) return;
  out << "only in " << which << ": " << count << " (" << join(names, ", ")
      << (count > static_cast<int64_t>(names.size()) ? ", ...)" : ")") << "\n";
}

// |a − b|, made as bright as the largest difference allows.
Image visible_difference(const Image& a, const Image& b, int32_t max_abs) {
  Image difference(a.height, a.width);
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    difference.pixels[i] =
        static_cast<uint8_t>(std::abs(a.pixels[i] - b.pixels[i]) * 255 / std::max(max_abs, 1));
  }
  return difference;
}

}  // namespace

PixelDifference pixel_difference(const Image& a, const Image& b) {
  if (a.height != b.height || a.width != b.width) {
    throw InternalError(
        cat("pictures of ", a.height, "x", a.width, " and ", b.height, "x", b.width, " were compared"));
  }
  PixelDifference difference;
  int64_t sum_of_squares = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const int32_t distance = std::abs(a.pixels[i] - b.pixels[i]);
    difference.max_abs = std::max(difference.max_abs, distance);
    sum_of_squares += int64_t{distance} * distance;
  }
  const double mean =
      static_cast<double>(sum_of_squares) / static_cast<double>(std::max<size_t>(1, a.pixels.size()));
  difference.psnr_db = sum_of_squares == 0 ? kInfinity : 10 * std::log10(255.0 * 255.0 / mean);
  return difference;
}

bool Comparison::identical() const {
  return num_compared == num_identical && num_other_size == 0 && num_not_done_in_both == 0 &&
         num_only_in_a == 0 && num_only_in_b == 0;
}

bool Comparison::at_least(double min_psnr_db) const {
  return num_compared > 0 && num_other_size == 0 && num_not_done_in_both == 0 && num_only_in_a == 0 &&
         num_only_in_b == 0 && psnr_min_db.value_or(kInfinity) >= min_psnr_db;
}

Comparison compare_datasets(const Dataset& a, const Dataset& b, size_t num_worst) {
  // Equal hashes stand for equal pixels, which must be there all the same.
  a.require_shards();
  b.require_shards();
  const auto rows_of_a = rows_by_key(a);
  const auto rows_of_b = rows_by_key(b);
  Comparison result;
  result.num_only_in_a = list_missing(a, rows_of_b, result.only_in_a);
  result.num_only_in_b = list_missing(b, rows_of_a, result.only_in_b);
  std::vector<double> psnr;
  for (int64_t i = 0; i < a.size(); ++i) {
    const DatasetRow& in_a = a.row(i);
    const auto match = rows_of_b.find(key_of(in_a));
    if (match == rows_of_b.end()) continue;
    const DatasetRow& in_b = b.row(match->second);
    if (in_a.status != SampleStatus::done || in_b.status != SampleStatus::done) {
      ++result.num_not_done_in_both;
      continue;
    }
    if (in_a.bucket != in_b.bucket) {
      ++result.num_other_size;
      continue;
    }
    ++result.num_compared;
    PixelDifference difference;
    if (!have_equal_hashes(a, in_a, b, in_b))
      difference = pixel_difference(a.pixels(i), b.pixels(match->second));
    if (difference.max_abs == 0) {
      ++result.num_identical;
      psnr.push_back(kInfinity);
      continue;
    }
    result.max_abs = std::max(result.max_abs, difference.max_abs);
    result.psnr_min_db = std::min(result.psnr_min_db.value_or(kInfinity), difference.psnr_db);
    psnr.push_back(difference.psnr_db);
    keep_worst(result.worst, {in_a.sample.id, in_a.sample.copy, i, match->second, difference}, num_worst);
  }
  result.psnr_median_db = median(std::move(psnr));
  return result;
}

OrderedJson to_json(const Comparison& comparison) {
  OrderedJson json;
  json["identical"] = comparison.identical();
  json["num_compared"] = comparison.num_compared;
  json["num_identical"] = comparison.num_identical;
  json["num_other_size"] = comparison.num_other_size;
  json["num_not_done_in_both"] = comparison.num_not_done_in_both;
  json["num_only_in_a"] = comparison.num_only_in_a;
  json["num_only_in_b"] = comparison.num_only_in_b;
  json["only_in_a"] = comparison.only_in_a;
  json["only_in_b"] = comparison.only_in_b;
  json["max_abs_difference"] = comparison.max_abs;
  json["psnr_min_db"] = psnr_json(comparison.psnr_min_db);
  json["psnr_median_db"] = psnr_json(comparison.psnr_median_db);
  json["worst"] = OrderedJson::array();
  for (const ComparedPair& pair : comparison.worst) {
    json["worst"].push_back({{"id", pair.id},
                             {"copy", pair.copy},
                             {"max_abs_difference", pair.difference.max_abs},
                             {"psnr_db", psnr_json(pair.difference.psnr_db)}});
  }
  return json;
}

std::string to_text(const Comparison& comparison) {
  std::ostringstream out;
  out << "compared: " << counted(comparison.num_compared, "sample") << ", " << comparison.num_identical
      << " identical\n";
  if (comparison.num_compared > comparison.num_identical) {
    out << "max difference: " << comparison.max_abs << " of 255\n";
    out << "PSNR: min " << psnr_text(comparison.psnr_min_db) << ", median "
        << psnr_text(comparison.psnr_median_db) << "\n";
  }
  if (comparison.num_other_size > 0) out << "of another size: " << comparison.num_other_size << "\n";
  if (comparison.num_not_done_in_both > 0)
    out << "not done in both: " << comparison.num_not_done_in_both << "\n";
  print_only_in(out, "A", comparison.num_only_in_a, comparison.only_in_a);
  print_only_in(out, "B", comparison.num_only_in_b, comparison.only_in_b);
  for (const ComparedPair& pair : comparison.worst) {
    out << "  " << pair.id << " #" << pair.copy << ": " << psnr_text(pair.difference.psnr_db) << ", max "
        << pair.difference.max_abs << "\n";
  }
  return out.str();
}

Image worst_pairs_picture(const Dataset& a, const Dataset& b, const Comparison& comparison) {
  if (comparison.worst.empty()) {
    throw ConfigError(
        cat("of ", comparison.num_compared, " compared pairs none differs: there is no picture to draw"),
        "leave the picture out");
  }
  constexpr int64_t kPerPair = 3;  // A, B, difference
  const auto pair_of = [&](int64_t i) -> const ComparedPair& {
    return comparison.worst[static_cast<size_t>(i / kPerPair)];
  };
  const auto picture = [&](int64_t i) {
    const ComparedPair& pair = pair_of(i);
    if (i % kPerPair == 0) return a.pixels(pair.row_in_a);
    if (i % kPerPair == 1) return b.pixels(pair.row_in_b);
    return visible_difference(a.pixels(pair.row_in_a), b.pixels(pair.row_in_b), pair.difference.max_abs);
  };
  const auto caption = [&](int64_t i) {
    const ComparedPair& pair = pair_of(i);
    if (i % kPerPair == 0) return cat("A: ", pair.id, " #", pair.copy);
    if (i % kPerPair == 1) return cat("B: ", psnr_text(pair.difference.psnr_db));
    return cat("difference: max ", pair.difference.max_abs, ", shown as 255");
  };
  ContactSheetOptions options;
  options.columns = kPerPair;
  options.max_pictures = static_cast<int64_t>(comparison.worst.size()) * kPerPair;
  return make_contact_sheet(options.max_pictures, picture, caption, options).image;
}

}  // namespace ditmesh

#include <algorithm>
#include <utility>

#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/verify.hpp"

namespace ditmesh {

namespace {

OrderedJson counts_json(const StatusCounts& counts) {
  return {{"done", counts.done}, {"failed", counts.failed}, {"missing", counts.missing}};
}

}  // namespace

void VerifyReport::add(ProblemKind kind, std::string sentence) {
  Told& told = problems_[kind];
  ++told.count;
  if (told.first.size() < kMaxTold) told.first.push_back(std::move(sentence));
}

int64_t VerifyReport::num_problems() const {
  int64_t sum = 0;
  for (const auto& [kind, told] : problems_) sum += told.count;
  return sum;
}

std::vector<std::string> VerifyReport::problems() const {
  std::vector<std::string> sentences;
  for (const auto& [kind, told] : problems_) {
    sentences.insert(sentences.end(), told.first.begin(), told.first.end());
    const int64_t more = told.count - static_cast<int64_t>(told.first.size());
    if (more > 0) sentences.push_back(cat("… and ", more, " more of this kind"));
  }
  return sentences;
}

void VerifyReport::merge(const VerifyReport& other) {
  counts.missing += other.counts.missing;
  counts.done += other.counts.done;
  counts.failed += other.counts.failed;
  num_hashed += other.num_hashed;
  num_index_rows += other.num_index_rows;
  num_found_rows += other.num_found_rows;
  if (content_hash.empty()) content_hash = other.content_hash;
  for (const auto& [kind, theirs] : other.problems_) {
    Told& told = problems_[kind];
    told.count += theirs.count;
    const size_t room = kMaxTold - told.first.size();
    const size_t num_told = std::min(room, theirs.first.size());
    told.first.insert(told.first.end(), theirs.first.begin(),
                      theirs.first.begin() + static_cast<std::ptrdiff_t>(num_told));
  }
}

std::string VerifyReport::to_text() const {
  Json problems = Json::array();
  for (const auto& [kind, told] : problems_) {
    problems.push_back({static_cast<int>(kind), told.first, told.count});
  }
  const Json json = {{"missing", counts.missing},        {"done", counts.done},
                     {"failed", counts.failed},          {"num_hashed", num_hashed},
                     {"num_index_rows", num_index_rows}, {"num_found_rows", num_found_rows},
                     {"content_hash", content_hash},     {"problems", problems}};
  // A damaged file may hold texts that are no UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

VerifyReport VerifyReport::from_text(const std::string& text) {
  const Json json = Json::parse(text);
  VerifyReport report;
  report.counts = {json.at("missing"), json.at("done"), json.at("failed")};
  report.num_hashed = json.at("num_hashed");
  report.num_index_rows = json.at("num_index_rows");
  report.num_found_rows = json.at("num_found_rows");
  report.content_hash = json.at("content_hash");
  for (const Json& told : json.at("problems")) {
    report.problems_[static_cast<ProblemKind>(told.at(0).get<int>())] = {
        told.at(1).get<std::vector<std::string>>(), told.at(2).get<int64_t>()};
  }
  return report;
}

OrderedJson to_json(const VerifyReport& report) {
  OrderedJson json;
  json["ok"] = report.ok();
  json["num_problems"] = report.num_problems();
  json["problems"] = report.problems();
  json["samples"] = counts_json(report.counts);
  json["num_hashed"] = report.num_hashed;
  json["content_hash"] = report.content_hash.empty() ? OrderedJson() : OrderedJson(report.content_hash);
  return json;
}

}  // namespace ditmesh

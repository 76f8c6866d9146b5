#include "sample_filter.hpp"

#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

template <typename T>
void keep_equal(std::vector<bool>& matches, const std::vector<T>& values, const T& wanted) {
  for (size_t i = 0; i < values.size(); ++i) matches[i] = matches[i] && values[i] == wanted;
}

[[noreturn]] void refuse(const Condition& condition, std::string_view holds, std::string_view example) {
  throw ConfigError(cat("--where ", condition.column, "=", condition.value, ": the column holds ", holds),
                    cat("give for example --where ", condition.column, "=", example));
}

SampleStatus parse_status(const Condition& condition) {
  for (const SampleStatus status : {SampleStatus::missing, SampleStatus::done, SampleStatus::failed}) {
    if (to_string(status) == condition.value) return status;
  }
  refuse(condition, "one of missing, done, failed", "done");
}

}  // namespace

SampleFilter::SampleFilter(hid_t samples, const std::vector<Condition>& conditions) {
  for (const Condition& condition : conditions) all_.push_back(wanted(samples, condition));
}

SampleFilter::Wanted SampleFilter::wanted(hid_t samples, const Condition& condition) {
  const auto names = member_names(samples);
  if (std::find(names.begin(), names.end(), condition.column) == names.end()) {
    throw ConfigError(cat("--where ", condition.column, "=", condition.value,
                          ": the dataset has no such column", did_you_mean(condition.column, names)),
                      cat("give one of ", join(names, ", ")));
  }
  Wanted wanted;
  wanted.column = condition.column;
  wanted.kind = Column::read_rows(samples, condition.column, 0, 0).kind();
  wanted.text = condition.value;
  switch (wanted.kind) {
    case ColumnKind::text:
      break;
    case ColumnKind::integer: {
      const auto number = parse_int(condition.value);
      if (!number) refuse(condition, "whole numbers", "28");
      wanted.integer = *number;
      break;
    }
    case ColumnKind::number: {
      const auto number = parse_double(condition.value);
      if (!number) refuse(condition, "numbers", "3.5");
      wanted.number = static_cast<float>(*number);
      break;
    }
    case ColumnKind::status:
      wanted.status = parse_status(condition);
      break;
    case ColumnKind::other:
      throw EnvironmentError(
          cat("the column ", condition.column, " of /samples holds neither text nor numbers"),
          "make the index again with ditmesh index");
  }
  return wanted;
}

std::vector<bool> SampleFilter::matches(hid_t samples, size_t begin, size_t count) const {
  std::vector<bool> matches(count, true);
  for (const Wanted& wanted : all_) {
    const Column column = Column::read_rows(samples, wanted.column, begin, count);
    if (wanted.kind == ColumnKind::text) keep_equal(matches, column.texts(), wanted.text);
    if (wanted.kind == ColumnKind::integer) keep_equal(matches, column.ints(), wanted.integer);
    if (wanted.kind == ColumnKind::number) keep_equal(matches, column.floats(), wanted.number);
    if (wanted.kind == ColumnKind::status) keep_equal(matches, column.statuses(), wanted.status);
  }
  return matches;
}

}  // namespace ditmesh

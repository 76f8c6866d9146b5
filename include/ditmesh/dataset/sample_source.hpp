#pragma once
// All samples of a job, by index: in manifest order, copies together.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ditmesh/dataset/sample.hpp"

namespace ditmesh {

class SampleSource {
 public:
  virtual ~SampleSource() = default;

  virtual int64_t size() const = 0;
  /// The sample of an index from 0 to size() − 1; its further cells are as many as further_columns(). Any
  /// number of threads may ask.
  virtual Sample sample(int64_t index) const = 0;
  /// The manifest's columns that ditmesh does not know.
  virtual const std::vector<std::string>& further_columns() const = 0;
};

/// Samples in memory: for tests and a few prompts.
class SampleList final : public SampleSource {
 public:
  SampleList() = default;
  explicit SampleList(std::vector<Sample> samples, std::vector<std::string> further_columns = {})
      : samples_(std::move(samples)), further_columns_(std::move(further_columns)) {
    for (Sample& sample : samples_) sample.further.resize(further_columns_.size());
  }

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  Sample sample(int64_t index) const override { return samples_.at(static_cast<size_t>(index)); }
  const std::vector<std::string>& further_columns() const override { return further_columns_; }

 private:
  std::vector<Sample> samples_;
  std::vector<std::string> further_columns_;
};

}  // namespace ditmesh

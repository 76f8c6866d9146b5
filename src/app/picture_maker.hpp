#pragma once
// Work orders in, journal records out: the model's pipeline run on one batch after the other.

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/sample_source.hpp"
#include "ditmesh/job/message.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/model/flux_pipeline.hpp"
#include "ditmesh/trace/recorder.hpp"
#include "rank_device.hpp"

namespace ditmesh {

/// What a PictureMaker needs to know of the job.
struct PictureSettings {
  FluxDescription model;
  int64_t max_sequence_length = 0;
  int64_t batch = 1;
  uint64_t prompt_cache_bytes = 0;
  bool release_text_encoders = false;
  bool save_latents = false;
};

/// A batch that was made.
struct MadeBatch {
  std::vector<JournalRecord> records;  // none for samples that are dropped or failed for the first time
  WorkResult result;
};

/// Thrown out of the reading of weights when the job stops.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "the job stops"; }
};

class PictureMaker {
 public:
  /// Called before every step with what is done: to say it, and to go on or drop the batch. `steps` is 0 for
  /// what has none: reading weights, which ends too, and decoding, which does not.
  using OnStep = std::function<bool(const char* doing, int step, int steps)>;

  /// Reads the weights. `samples` outlives the object. Throws Stopped if on_step lets it not go on.
  PictureMaker(const PictureSettings& settings, const SampleSource& samples, const RankDevice& device,
               OnStep on_step, Log log, Recorder& recorder);

  /// Makes the batch, or what on_step lets it make. A sample whose prompt cannot be encoded or whose values
  /// are not finite has failed: the first time it is left out of the records, on a retry it is recorded with
  /// its error. Throws EnvironmentError if the batch does not fit the device.
  MadeBatch make(const WorkOrder& order);

 private:
  struct Failure {
    size_t index;  // in the order
    std::string error;
  };
  static std::vector<std::string> prompts(const Sample& sample);
  void on_tensor();
  bool encode(const WorkOrder& order, const std::vector<Sample>& samples, std::vector<Failure>& failures);
  std::optional<Pictures> run(const std::vector<Sample>& samples, const std::vector<size_t>& which,
                              int64_t first_sample);
  void record_steps(const DeviceTimer& timer, int64_t first_sample, size_t num_samples) const;

  PictureSettings settings_;
  const SampleSource& samples_;
  RankDevice device_;
  OnStep on_step_;
  LaneRecorder trace_;
  int num_tensors_ = 0;  // read so far
  LocalCommunicator alone_;
  InnerGroups groups_;
  FluxPipeline pipeline_;
  PromptEncoder encoder_;
  PromptCache cache_;
};

}  // namespace ditmesh

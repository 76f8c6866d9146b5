#pragma once
// Work units in, journal records out: the model's pipeline run over a list of batches.

#include <functional>
#include <memory>

#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/model/flux_pipeline.hpp"
#include "generate_plan.hpp"
#include "rank_device.hpp"

namespace ditmesh {

class PictureMaker {
 public:
  /// Reads the weights. The plan outlives the object.
  PictureMaker(const GeneratePlan& plan, const RankDevice& device, Log log);

  /// Makes all units in order; `finished` is called once per sample. A sample
  /// whose pixels are not finite is a failed one.
  void make(const std::vector<WorkUnit>& units,
            const std::function<void(const WorkUnit&, JournalRecord)>& finished);

 private:
  struct Chunk {
    WorkUnit unit;
    std::vector<int64_t> positions;  // in the shard; what the kernels see at once
  };

  std::vector<Chunk> cut_into_chunks(const std::vector<WorkUnit>& units) const;
  const Sample& sample(const WorkUnit& unit, int64_t position) const;
  std::vector<std::string> prompts(const Chunk& chunk) const;
  void make_chunk(const Chunk& chunk, const std::function<void(const WorkUnit&, JournalRecord)>& finished);

  const GeneratePlan& plan_;
  RankDevice device_;
  LocalCommunicator alone_;
  InnerGroups groups_;
  FluxPipeline pipeline_;
  PromptEncoder encoder_;
  PromptCache cache_;
};

}  // namespace ditmesh

#include "ditmesh/mesh/stages.hpp"

#include <algorithm>
#include <limits>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

std::vector<Range> balanced_stages(const std::vector<double>& block_costs, int num_stages, double before,
                                   double after) {
  const size_t num_blocks = block_costs.size();
  const auto stages = static_cast<size_t>(num_stages);
  if (num_stages < 1 || stages > num_blocks) throw InternalError("a stage needs a block");
  std::vector<double> until(num_blocks + 1, before);  // cost of the blocks before each
  for (size_t i = 0; i < num_blocks; ++i) until[i + 1] = until[i] + block_costs[i];
  until.front() = 0;
  until.back() += after;

  // best[s][b]: the dearest of s stages that hold the first b blocks, cut as well as can be.
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> best(stages + 1, std::vector<double>(num_blocks + 1, kNever));
  std::vector<std::vector<size_t>> cut(stages + 1, std::vector<size_t>(num_blocks + 1, 0));
  best[0][0] = 0;
  for (size_t stage = 1; stage <= stages; ++stage) {
    for (size_t end = stage; end <= num_blocks; ++end) {
      for (size_t begin = stage - 1; begin < end; ++begin) {
        const double dearest = std::max(best[stage - 1][begin], until[end] - until[begin]);
        if (dearest <= best[stage][end]) {
          best[stage][end] = dearest;
          cut[stage][end] = begin;
        }
      }
    }
  }
  std::vector<Range> ranges(stages);
  size_t end = num_blocks;
  for (size_t stage = stages; stage > 0; --stage) {
    const size_t begin = cut[stage][end];
    ranges[stage - 1] = {static_cast<int64_t>(begin), static_cast<int64_t>(end)};
    end = begin;
  }
  return ranges;
}

std::vector<Range> parse_stages(std::string_view text, int num_blocks, int num_stages) {
  if (num_stages < 1 || num_stages > num_blocks) {
    throw ConfigError(cat("pipeline=", num_stages, " needs a block for each stage, the model has ",
                          num_blocks, " numbered blocks"),
                      "lower the degree");
  }
  std::vector<Range> stages;
  const auto refuse = [&](const std::string& rule) {
    throw ConfigError(cat("--stages '", text, "': ", rule),
                      cat("for example --stages ",
                          to_string(balanced_stages(std::vector<double>(static_cast<size_t>(num_blocks), 1.0),
                                                    num_stages))));
  };
  for (const std::string& item : split(text, ',')) {
    const auto ends = split(trim(item), '-');
    const auto first = parse_int(ends.front());
    const auto last = parse_int(ends.back());
    if (ends.size() > 2 || !first || !last || *first > *last || *last >= num_blocks) {
      refuse(cat("'", item, "' must be FIRST-LAST, the numbers of blocks from 0 to ", num_blocks - 1));
    }
    const int64_t expected = stages.empty() ? 0 : stages.back().end;
    if (*first != expected)
      refuse(cat("a stage begins with block ", *first, ", block ", expected, " comes next"));
    stages.push_back({*first, *last + 1});
  }
  if (stages.back().end != num_blocks) {
    refuse(cat("they hold ", stages.back().end, " blocks, the model has ", num_blocks));
  }
  if (static_cast<int>(stages.size()) != num_stages) {
    refuse(cat("they are ", counted(static_cast<int64_t>(stages.size()), "stage"),
               ", the mesh has pipeline=", num_stages));
  }
  return stages;
}

std::string to_string(const std::vector<Range>& stages) {
  std::vector<std::string> texts;
  for (const Range& stage : stages) {
    texts.push_back(stage.size() == 1 ? cat(stage.begin) : cat(stage.begin, "-", stage.end - 1));
  }
  return join(texts, ",");
}

}  // namespace ditmesh

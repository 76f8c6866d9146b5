#include "job_trace.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "ditmesh/base/text.hpp"
#include "ditmesh/base/utc_time.hpp"
#include "ditmesh/dataset/trace_store.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/mesh/mesh.hpp"

namespace ditmesh {

namespace {

bool is_off() {
  const char* setting = std::getenv("DITMESH_TEST_TRACE");
  return setting != nullptr && std::string_view(setting) == "off";
}

// The ranks of this node, and on rank 0 those whose nodes are no part of this attempt any more.
TracedAttempt own_share(TracedAttempt attempt, const MpiSession& mpi) {
  std::erase_if(attempt.span_files, [&](const std::filesystem::path& file) {
    const std::string host = read_span_head(file).host;
    if (host == mpi.host_of(mpi.rank())) return false;
    for (int rank = 0; rank < mpi.size(); ++rank) {
      if (mpi.host_of(rank) == host) return true;
    }
    return mpi.rank() != 0;
  });
  return attempt;
}

}  // namespace

std::unique_ptr<Recorder> begin_trace(const GenerateSettings& settings, const RankDevice& device,
                                      JobClock::time_point program_start, const MpiSession& mpi,
                                      const Log& log) {
  if (is_off()) return std::make_unique<Recorder>();
  RankInfo info;
  info.rank = mpi.rank();
  info.num_ranks = mpi.size();
  info.attempt = settings.attempt;
  info.coordinate = mpi.activity().now().coordinate;
  info.host = MpiSession::host_name();
  info.process = ::getpid();
  info.device = device.model_name();
  info.started = utc_now();
  info.start_ns = nanoseconds_at(program_start);
  info.origin_ns = parse_int(mpi.broadcast(cat(info.start_ns))).value_or(0);
  for (const Axis axis : kAxes) info.groups.emplace_back(axis_name(axis));
  const ClockOffset clock = mpi.measure_clock();
  const at::Device on = device.options().device();
  auto recorder = std::make_unique<Recorder>(
      span_file_path(settings.output() / "traces", trace_prefix(settings.part(), settings.attempt),
                     mpi.rank()),
      info, on.is_cpu() ? Recorder::DeviceMemory() : [on] { return reserved_bytes(on); }, log);
  recorder->set_clock(clock);
  Span set_up;
  set_up.start_ns = info.start_ns;
  set_up.duration_ns = nanoseconds_now() - info.start_ns;
  recorder->lane(Lane::generate).record(set_up);
  return recorder;
}

void close_trace(Recorder& recorder, const MpiSession& mpi) {
  if (recorder.is_on()) recorder.set_clock(mpi.measure_clock());
  recorder.finish();
}

void convert_traces(const GenerateSettings& settings, const MpiSession& mpi, const Log& log) {
  if (mpi.node_rank() != 0) return;
  try {
    const Part part = settings.part();
    for (TracedAttempt& attempt : traced_attempts(settings.output())) {
      if (attempt.part == part) convert_span_files(own_share(std::move(attempt), mpi), log);
    }
  } catch (const std::exception& error) {
    log.warning(cat("the traces stay as they are, 'ditmesh trace' reads them too: ", error.what()));
  }
}

}  // namespace ditmesh

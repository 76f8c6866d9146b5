#include "generate_job.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/logging/logging.hpp"
#include "ditmesh/dataset/sample_store.hpp"
#include "ditmesh/topology/assignment.hpp"
#include "ditmesh/comm_mpi/mpi_control_channel.hpp"
#include "ditmesh/job/job_control.hpp"
#include "ditmesh/job/result_writer.hpp"
#include "job_trace.hpp"
#include "metrics.hpp"
#include "progress.hpp"
#include "rank_device.hpp"
#include "rank_errors.hpp"
#include "signals.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// A warning signal leaves about a minute or more: a batch that takes longer to its end is dropped.
constexpr double kFinishWithin_s = 60;

// DITMESH_TEST_SLEEP=RANK:SECONDS puts a rank to sleep before its first batch.
void sleep_if_tested(int rank) {
  const char* value = std::getenv("DITMESH_TEST_SLEEP");
  if (value == nullptr) return;
  const auto parts = split(value, ':');
  if (parts.size() == 2 && parse_int(parts[0]) == rank) {
    std::this_thread::sleep_for(std::chrono::duration<double>(parse_double(parts[1]).value_or(0)));
  }
}

// Whether what is in flight is worth finishing: the steps of a batch, or of encoding prompts. Reading weights
// (no steps) is not.
class StepGate {
 public:
  StepGate(const JobControl& control, Activity& activity) : control_(control), activity_(activity) {}

  bool operator()(const char* doing, int step, int steps) {
    activity_.set(doing);
    activity_.set_step(step, steps);
    if (step == 1) begin_ = Clock::now();
    switch (control_.stop_reason()) {
      case StopReason::none:
      case StopReason::time_limit:  // it was begun because it fits
        return true;
      case StopReason::warning:
        return steps > 0 && step > 1 &&
               seconds_since(begin_) / (step - 1) * (steps - step + 1) <= kFinishWithin_s;
      case StopReason::terminate:
      case StopReason::late:
        return false;
    }
    return true;
  }

 private:
  const JobControl& control_;
  Activity& activity_;
  Clock::time_point begin_;
};

// All of a rank's parts together.
class RankJob {
 public:
  RankJob(const Command& command, const GenerateSettings& settings, PreparedJob* prepared,
          const MpiSession& mpi, const RankDevice& device, Recorder& recorder,
          JobClock::time_point program_start, const Log& log)
      : command_(command),
        settings_(settings),
        prepared_(prepared),
        mpi_(mpi),
        device_(device),
        recorder_(recorder),
        trace_(recorder.lane(Lane::generate)),
        program_start_(program_start),
        log_(log),
        samples_(settings.samples),
        writer_(settings.output(), mpi.rank(), settings.attempt, samples_, writer_callbacks(), log,
                settings.image_format(), {recorder.lane(Lane::journal), recorder.lane(Lane::shard)}),
        control_(std::make_unique<MpiControlChannel>(), mpi.activity(),
                 prepared != nullptr ? prepared->make_coordinator(mpi.size()) : nullptr, control_hooks()) {}

  /// Until every sample is in a shard, or the job stops.
  void run() {
    std::optional<MetricsFile> metrics;
    if (prepared_ != nullptr && settings_.options.has("metrics")) {
      metrics.emplace(
          settings_.options.text("metrics"), prepared_->labels(), [this] { return snapshot(); }, log_);
    }
    {
      std::optional<ProgressDisplay> display;
      if (prepared_ != nullptr) {
        display.emplace(
            prepared_->num_missing(), [this] { return progress(); }, log_);
      }
      if (settings_.has_work) make_pictures();
      {
        const auto waiting = trace_.scope(Phase::end_wait);
        control_.wait_for_end();
      }
      const auto flushing = trace_.scope(Phase::flush);
      writer_.finish(control_.stop_reason() != StopReason::none);
    }
    if (prepared_ != nullptr && control_.stop_reason() == StopReason::none) write_the_index();
    const auto waiting = trace_.scope(Phase::end_wait);
    control_.leave();
  }

  StopReason stop_reason() const { return control_.stop_reason(); }
  JobCounts counts() const { return control_.counts(); }
  double seconds_per_cost() const { return control_.seconds_per_cost(); }

  int64_t num_made() const { return num_made_; }

 private:
  void make_pictures() {
    device_.bind_computing_threads(log_);
    std::optional<PictureMaker> maker;
    try {
      const auto loading = trace_.scope(Phase::load);
      maker.emplace(settings_.pictures(), samples_, device_, StepGate(control_, mpi_.activity()), log_,
                    recorder_);
    } catch (const Stopped&) {
      return;
    }
    sleep_if_tested(mpi_.rank());
    while (const auto order = next_order()) {
      MadeBatch made = maker->make(*order);
      const auto num_made = static_cast<int64_t>(made.records.size());
      num_made_ += num_made;
      recorder_.add_samples(num_made);
      mpi_.activity().set("handing over to the journal");
      const auto handing_over = trace_.scope(Phase::hand_over);
      writer_.save(order->shard_name, std::move(made.records), std::move(made.result),
                   order->samples.front());
    }
  }

  std::optional<WorkOrder> next_order() {
    Span span;
    span.start_ns = nanoseconds_now();
    auto order = control_.next_order();
    span.phase = order ? Phase::queue : Phase::end_wait;
    span.duration_ns = nanoseconds_now() - span.start_ns;
    trace_.record(span);
    return order;
  }

  ProgressCounts progress() const {
    const JobCounts counts = control_.counts();
    return {counts.done - counts.done_before, counts.failed - counts.failed_before};
  }

  JobSnapshot snapshot() const {
    JobSnapshot job;
    job.counts = control_.counts();
    job.ranks = control_.usage();
    job.num_ranks = mpi_.size();
    job.elapsed_s = seconds_since(program_start_);
    return job;
  }

  void write_the_index() {
    const auto writing = trace_.scope(Phase::index);
    mpi_.activity().set("writing the index");
    prepared_->write_index(control_.counts(), log_);
  }

  ResultWriter::Callbacks writer_callbacks() {
    return {[this](const WorkResult& result) { control_.unit_saved(result); },
            [this](int64_t shard) { control_.shard_written(shard); },
            [this](std::exception_ptr error) { end_all(error); }};
  }

  JobControl::Hooks control_hooks() {
    return {
        [this](const ShardOrder& order) { writer_.write_shard(order); },
        [this](const std::string& shard_name) { writer_.close_journal(shard_name); },
        [this](std::exception_ptr error) { end_all(error); }, stop_signal,
        settings_.options.has("metrics") ? [this] { return recorder_.usage(); } : std::function<Usage()>()};
  }

  // An error of a thread of this rank.
  [[noreturn]] void end_all(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& caught) {
      abort_job(mpi_, command_, caught);
    }
  }

  const Command& command_;
  const GenerateSettings& settings_;
  PreparedJob* prepared_;
  const MpiSession& mpi_;
  const RankDevice& device_;
  Recorder& recorder_;
  LaneRecorder trace_;  // of the generating thread
  JobClock::time_point program_start_;
  const Log& log_;
  SampleStore samples_;
  ResultWriter writer_;
  JobControl control_;
  int64_t num_made_ = 0;
};

// What a rank made, and where its time went, in seconds: as job.json has it.
std::string rank_report(const Recorder& recorder, JobClock::time_point program_start, int64_t num_made,
                        const RankDevice& device, const MpiSession& mpi) {
  OrderedJson seconds{{"total", seconds_since(program_start)}};
  const Usage usage = recorder.usage();
  for (size_t phase = 0; phase < kNumPhases; ++phase)
    seconds[std::string(name_of(static_cast<Phase>(phase)))] = usage.seconds.at(phase);
  return OrderedJson{{"rank", mpi.rank()},
                     {"host", MpiSession::host_name()},
                     {"device", device.model_name()},
                     {"made", num_made},
                     {"seconds", seconds}}
      .dump();
}

// A switch left behind from a test would ruin a dataset.
void tell_test_switches(const Log& log) {
  for (const char* name :
       {"DITMESH_TEST_DEVICE_MODEL", "DITMESH_TEST_DEVICES", "DITMESH_TEST_FAIL", "DITMESH_TEST_INSTANT",
        "DITMESH_TEST_PAUSE", "DITMESH_TEST_SLEEP", "DITMESH_TEST_TRACE"}) {
    if (std::getenv(name) != nullptr) log.warning(cat(name, " is set: this is a test, not a dataset"));
  }
}

// The mesh follows the places: neighbours on it are neighbours in the machine, whatever the launcher did.
// Returns who stands where, in the order of the mesh.
std::vector<std::string> place_on_mesh(const MpiSession& mpi, const RankDevice& device) {
  const auto devices = mpi.all_gather(device.place());
  std::vector<std::string> hosts;
  for (int rank = 0; rank < mpi.size(); ++rank) hosts.push_back(mpi.host_of(rank));
  std::vector<std::string> placement;
  for (const int rank : order_by_place(hosts, devices)) {
    const std::string coordinate = cat("data=", placement.size());
    if (rank == mpi.rank()) mpi.activity().set_coordinate(coordinate);
    const std::string& where = devices[static_cast<size_t>(rank)];
    placement.push_back(
        cat(coordinate, " rank ", rank, " ", mpi.host_of(rank), where.empty() ? "" : ":", where));
  }
  return placement;
}

std::string_view end_name(StopReason reason) {
  switch (reason) {
    case StopReason::none:
      return "done";
    case StopReason::warning:
      return "warning signal";
    case StopReason::terminate:
      return "terminated";
    case StopReason::time_limit:
    case StopReason::late:
      return "time limit";
  }
  return "";
}

}  // namespace

ExitCode run_generate_job(const Command& command, const Options& options, PreparedJob* prepared,
                          JobClock::time_point program_start, const MpiSession& mpi, const Log& log) {
  const auto start = Clock::now();
  const auto world = mpi.world();
  if (mpi.rank() == 0) tell_test_switches(log);
  mpi.activity().set("set-up");
  const RankDevice device = choose_device(options, mpi, log);
  const auto device_models = mpi.all_gather(device.model_name());
  const auto placement = place_on_mesh(mpi, device);
  // Everything is known now: rank 0 makes the last comparisons, and begins to write.
  share_error(mpi, [&] {
    prepared->open_output(log);
    prepared->begin_attempt(device, device_models, placement, mpi, log);
  });
  const GenerateSettings settings =
      GenerateSettings::from_text(mpi.broadcast(prepared != nullptr ? prepared->settings().to_text() : ""));
  check_shared_folder(mpi, settings.output() / "journal");

  const auto recorder = begin_trace(settings, device, program_start, mpi, log);
  int exit_code = static_cast<int>(ExitCode::done);
  {
    RankJob job(command, settings, prepared, mpi, device, *recorder, program_start, log);
    try {
      job.run();
    } catch (const std::exception& error) {
      abort_job(mpi, command, error);  // while the threads of the job still stand
    }
    close_trace(*recorder, mpi);
    const auto per_rank = mpi.all_gather(rank_report(*recorder, program_start, job.num_made(), device, mpi));
    if (prepared != nullptr) {
      const JobCounts counts = job.counts();
      prepared->end_attempt(std::string(end_name(job.stop_reason())), counts, job.seconds_per_cost(),
                            per_rank);
      const std::string where = settings.output().string();
      if (job.stop_reason() != StopReason::none) {
        log.warning(cat("stopped in time (", end_name(job.stop_reason()), ") after ",
                        human_seconds(seconds_since(start)), " with ", counts.done, " of ", counts.total,
                        " pictures: the same command goes on"));
        exit_code = static_cast<int>(ExitCode::requeue);
        if (end_name(job.stop_reason()) == "time limit" && counts.done == counts.done_before) {
          // Started again it would do no better.
          print_error(command.spec.name, cat("--time-limit ", settings.options.text("time-limit"),
                                             " is too short for one batch: give it more"));
          exit_code = static_cast<int>(ExitCode::bad_input);
        }
      } else {
        log.info(cat(counted(counts.done, "picture"), ", ", counts.done - counts.done_before,
                     " of them now, in ", human_seconds(seconds_since(start)), ": ", where));
        if (counts.failed > 0) {
          log.warning(cat(counted(counts.failed, "sample"), " failed: see 'ditmesh inspect ", where,
                          "'; --retry-failed makes them again"));
          exit_code = static_cast<int>(ExitCode::some_failed);
        }
      }
    }
    if (job.stop_reason() == StopReason::none) convert_traces(settings, mpi, log);
  }
  return static_cast<ExitCode>(world->agree(exit_code));
}

}  // namespace ditmesh

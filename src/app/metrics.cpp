#include "metrics.hpp"

#include <unistd.h>

#include <chrono>
#include <iomanip>
#include <sstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kInterval{5};
constexpr double kRateWindow_s = 60;

std::string escaped(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

// A metric with its lines; a sample's labels are "" or {a="b"}.
class Exposition {
 public:
  void begin(const std::string& name, std::string_view type, std::string_view help) {
    name_ = "ditmesh_" + name;
    out_ << "# HELP " << name_ << ' ' << help << "\n# TYPE " << name_ << ' ' << type << '\n';
  }
  template <typename Value>
  void add(const MetricLabels& labels, Value value) {
    out_ << name_;
    char separator = '{';
    for (const auto& [key, text] : labels) {
      out_ << std::exchange(separator, ',') << key << "=\"" << escaped(text) << '"';
    }
    out_ << (labels.empty() ? " " : "} ") << value << '\n';
  }
  template <typename Value>
  void metric(const std::string& name, std::string_view type, std::string_view help, Value value) {
    begin(name, type, help);
    add({}, value);
  }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_ = [] {
    std::ostringstream out;
    out << std::setprecision(15);
    return out;
  }();
  std::string name_;
};

void add_ranks(Exposition& out, const std::vector<Usage>& ranks) {
  const auto each_rank = [&](auto&& value_of) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) out.add({{"rank", cat(rank)}}, value_of(ranks[rank]));
  };
  out.begin("rank_samples_made_total", "counter", "Samples that a rank made in this attempt.");
  each_rank([](const Usage& usage) { return usage.num_samples; });
  out.begin("rank_memory_bytes", "gauge", "Memory of a rank's process on its host.");
  each_rank([](const Usage& usage) { return usage.host_memory_bytes; });
  out.begin("rank_device_memory_bytes", "gauge", "Memory that a rank holds on its device.");
  each_rank([](const Usage& usage) { return usage.device_memory_bytes; });
  out.begin("phase_seconds_total", "counter", "Where a rank's time went in this attempt.");
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    for (size_t phase = 0; phase < kNumPhases; ++phase) {
      out.add({{"rank", cat(rank)}, {"phase", std::string(name_of(static_cast<Phase>(phase)))}},
              ranks[rank].seconds[phase]);
    }
  }
}

}  // namespace

std::string prometheus_text(const JobSnapshot& job, const MetricLabels& labels) {
  const JobCounts& counts = job.counts;
  const int64_t missing = counts.missing();
  Exposition out;
  out.begin("job_info", "gauge", "Which job this is; always 1.");
  out.add(labels, 1);
  out.metric("running", "gauge", "1 while the job runs, 0 when it has ended.", job.is_running ? 1 : 0);
  out.metric(
      "updated_timestamp_seconds", "gauge", "When this file was written, in Unix time.",
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  out.metric("samples", "gauge", "Samples that the job has to make, those of earlier attempts included.",
             counts.total);
  out.metric("samples_done", "gauge", "Of these, done; by earlier attempts too.", counts.done);
  out.metric("samples_failed", "gauge", "Of these, failed for good; in earlier attempts too.", counts.failed);
  out.metric("samples_missing", "gauge", "Of these, neither done nor failed.", missing);
  out.metric("samples_finished_total", "counter", "Samples done or failed in this attempt.",
             counts.finished_now());
  out.metric("samples_retried_total", "counter",
             "Samples that failed once in this attempt and were made again.", counts.retried);
  out.metric("images_per_second", "gauge", "Over the last minute.", job.images_per_second);
  if (job.images_per_second > 0 && missing > 0) {
    out.metric("left_seconds", "gauge", "Time left, by images_per_second.",
               static_cast<double>(missing) / job.images_per_second);
  }
  out.metric("ranks", "gauge", "Ranks of this attempt, a device each.", job.num_ranks);
  out.metric("elapsed_seconds", "gauge", "Since the program began.", job.elapsed_s);
  out.metric("device_seconds_total", "counter", "Devices times time: what this attempt has taken so far.",
             job.elapsed_s * job.num_ranks);
  add_ranks(out, job.ranks);
  return out.text();
}

void check_metrics_path(const fs::path& path, const fs::path& output) {
  const std::string option = cat("--metrics ", path);
  const std::string remedy = "give a file in a folder that is there, as job.prom";
  std::error_code error;
  if (fs::is_directory(path, error)) throw ConfigError(cat(option, " is a folder"), remedy);
  const fs::path folder = fs::weakly_canonical(fs::absolute(path).parent_path(), error);
  if (error || !fs::is_directory(folder, error))
    throw ConfigError(cat(option, ": ", folder, " is no folder"), remedy);
  if (is_inside(folder, output)) {
    throw ConfigError(cat(option, " is inside of --output ", output), "keep it apart from the dataset");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw EnvironmentError(cat(option, ": ", folder, " cannot be written"),
                           "give a folder where you may write");
  }
}

MetricsFile::MetricsFile(fs::path path, MetricLabels labels, std::function<JobSnapshot()> look, Log log)
    : path_(std::move(path)), labels_(std::move(labels)), look_(std::move(look)), log_(std::move(log)) {
  write(true);
  thread_ = std::thread([this] { run(); });
}

MetricsFile::~MetricsFile() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  wake_.notify_all();
  thread_.join();
  write(false);
}

void MetricsFile::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return quit_; })) {
    lock.unlock();
    write(true);
    lock.lock();
  }
}

double MetricsFile::rate(const JobSnapshot& job) {
  const int64_t finished = job.counts.finished_now();
  history_.emplace_back(job.elapsed_s, finished);
  while (history_.size() > 2 && job.elapsed_s - history_[1].first >= kRateWindow_s) history_.pop_front();
  const double seconds = job.elapsed_s - history_.front().first;
  return seconds > 0 ? static_cast<double>(finished - history_.front().second) / seconds : 0;
}

void MetricsFile::write(bool is_running) {
  try {
    JobSnapshot job = look_();
    job.is_running = is_running;
    job.images_per_second = rate(job);
    write_file_atomically(path_, prometheus_text(job, labels_));
  } catch (const std::exception& error) {
    if (!std::exchange(is_told_, true)) log_.warning(cat("--metrics: ", error.what(), "; the job goes on"));
  }
}

}  // namespace ditmesh

#include "app/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "temporary_folder.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

JobSnapshot half_done() {
  JobSnapshot job;
  job.counts = {100, 60, 2, 10, 1, 3};
  job.num_ranks = 2;
  job.elapsed_s = 200;
  job.images_per_second = 0.5;
  job.ranks.resize(2);
  job.ranks[1].num_samples = 31;
  job.ranks[1].seconds[static_cast<size_t>(Phase::denoise)] = 12.5;
  job.ranks[1].host_memory_bytes = 3e9;
  return job;
}

TEST(Metrics, AreLinesOfPrometheus) {
  const std::string text = prometheus_text(half_done(), {{"output", "a \"b\"\\c\nd"}, {"attempt", "3"}});
  EXPECT_THAT(text, HasSubstr("# TYPE ditmesh_samples_done gauge\nditmesh_samples_done 60\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_job_info{output=\"a \\\"b\\\"\\\\c\\nd\",attempt=\"3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_running 1\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_samples_missing 38\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_samples_finished_total 51\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_samples_retried_total 3\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_left_seconds 76\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_device_seconds_total 400\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_phase_seconds_total{rank=\"1\",phase=\"denoise\"} 12.5\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_rank_memory_bytes{rank=\"1\"} 3000000000\n"));
  EXPECT_THAT(text, HasSubstr("\nditmesh_rank_samples_made_total{rank=\"1\"} 31\n"));
}

TEST(Metrics, TheTimeLeftIsNotSaidWithoutARate) {
  JobSnapshot job = half_done();
  job.images_per_second = 0;
  EXPECT_THAT(prometheus_text(job, {}), Not(HasSubstr("left_seconds")));
}

TEST(Metrics, TheFileIsThereAtOnceAndSaysTheEnd) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "job.prom";
  {
    const MetricsFile file(path, {}, half_done, {});
    EXPECT_THAT(read_file(path), HasSubstr("ditmesh_running 1\n"));
  }
  EXPECT_THAT(read_file(path), HasSubstr("ditmesh_running 0\n"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "job.prom.tmp"));
}

TEST(Metrics, AFileThatCannotBeWrittenIsToldOnce) {
  const TemporaryFolder folder;
  int told = 0;
  {
    const MetricsFile file(folder.path() / "gone" / "job.prom", {}, half_done,
                           Log([&](LogLevel, const std::string&) { ++told; }));
  }
  EXPECT_EQ(told, 1);
}

TEST(Metrics, BadPathsAreRefused) {
  const TemporaryFolder folder;
  const auto output = folder.path() / "out";
  std::filesystem::create_directories(output / "traces");
  EXPECT_NO_THROW(check_metrics_path(folder.path() / "job.prom", output));
  EXPECT_NO_THROW(check_metrics_path(folder.path() / "job.prom", folder.path() / "not-there-yet"));
  EXPECT_THROW(check_metrics_path(folder.path(), output), ConfigError);
  EXPECT_THROW(check_metrics_path(folder.path() / "none" / "job.prom", output), ConfigError);
  EXPECT_THROW(check_metrics_path(output / "job.prom", output), ConfigError);
  EXPECT_THROW(check_metrics_path(output / "traces" / "job.prom", output), ConfigError);
}

}  // namespace
}  // namespace ditmesh

#include "app/machine_findings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kGiB = uint64_t{1} << 30;

// Eight ranks on two hosts of four GPUs, as they should be.
std::vector<RankFacts> good_ranks() {
  std::vector<RankFacts> ranks;
  for (int i = 0; i < 8; ++i) {
    RankFacts rank;
    rank.rank = i;
    rank.host = i < 4 ? "gpu01" : "gpu02";
    rank.node_rank = i % 4;
    rank.node_size = 4;
    rank.versions = "ditmesh 1";
    rank.cores = {2 * (i % 4), 2 * (i % 4) + 1};
    rank.num_host_cores = 64;
    rank.memory_bytes = 500 * kGiB;
    rank.shared_memory_bytes = 100 * kGiB;
    rank.max_open_files = 4096;
    rank.has_cuda_library = true;
    rank.num_host_gpus = 4;
    rank.driver = "580.95";
    rank.device = {"H100", 79 * kGiB, 80 * kGiB};
    ranks.push_back(rank);
  }
  return ranks;
}

std::vector<RankFacts> one_rank() {
  std::vector<RankFacts> ranks = good_ranks();
  ranks.resize(1);
  ranks[0].node_size = 1;
  return ranks;
}

// All ranks see so many devices.
JobStart all_see(const std::vector<RankFacts>& ranks, int num_devices) {
  JobStart start;
  for (const RankFacts& rank : ranks) {
    RankStart& one = start.ranks.emplace_back();
    one.node = rank.host;
    for (int i = 0; i < num_devices; ++i) one.visible.push_back(cat("0000:0", i, ":00.0"));
  }
  return start;
}

std::vector<Finding> judge(const std::vector<RankFacts>& ranks, const LauncherEnvironment& environment) {
  std::vector<Finding> all;
  for (const auto& some :
       {judge_mpi(ranks, environment), judge_devices(ranks, all_see(ranks, 4), false), judge_limits(ranks),
        judge_slurm(ranks, environment, std::chrono::system_clock::from_time_t(1000))}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

auto is(Verdict verdict, const std::string& what, const std::string& remedy) {
  return Contains(AllOf(Field(&Finding::verdict, verdict), Field(&Finding::what, HasSubstr(what)),
                        Field(&Finding::remedy, HasSubstr(remedy))));
}

TEST(Doctor, FindsNothingOnAGoodMachine) {
  const auto findings = judge(good_ranks(), {{"OMPI_COMM_WORLD_SIZE", "8"}});
  EXPECT_EQ(verdict_of(findings), Verdict::ok) << to_text(findings);
  const std::string text = to_text(findings);
  EXPECT_THAT(text, HasSubstr("8 ranks on 2 hosts, started by mpirun\n"));
  EXPECT_THAT(text, HasSubstr("4 CUDA devices a rank can see: H100, 80.0 GiB, driver 580.95\n"));
  EXPECT_THAT(text, HasSubstr("125.0 GiB available to each rank"));
  EXPECT_THAT(text, HasSubstr("this is no Slurm job\n"));
  EXPECT_THAT(text, HasSubstr("nothing is wrong\n"));
}

TEST(Doctor, FindsASrunThatMpiDoesNotKnow) {
  EXPECT_THAT(judge(one_rank(), {{"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_JOB_ID", "5"}}),
              is(Verdict::wrong, "started 8 processes, and each is alone", "--mpi=pmix"));
}

TEST(Doctor, FindsOtherVersions) {
  auto ranks = good_ranks();
  ranks[6].versions = "ditmesh 2";
  EXPECT_THAT(judge(ranks, {}), is(Verdict::wrong, "rank 6 on gpu02 has ditmesh 2", "the same build"));
}

TEST(Doctor, FindsRanksThatShareCores) {
  auto ranks = good_ranks();
  for (RankFacts& rank : ranks) rank.cores = {0, 1};
  EXPECT_THAT(judge(ranks, {}),
              is(Verdict::warning, "4 ranks share 2 cores on gpu01, which has 64", "--bind-to"));
  auto one = one_rank();
  one[0].cores = {3};
  EXPECT_THAT(judge(one, {}), is(Verdict::warning, "may use 1 of 64 cores", "--bind-to none"));
}

TEST(Doctor, FindsDevicesThatAreMissingOrTooMany) {
  const auto ranks = good_ranks();
  JobStart start = all_see(ranks, 4);
  for (int i = 4; i < 8; ++i) start.ranks[static_cast<size_t>(i)].visible.clear();
  EXPECT_THAT(judge_devices(ranks, start, false),
              is(Verdict::wrong, "rank 4 on gpu02 sees no GPU", "CUDA_VISIBLE_DEVICES"));
  EXPECT_THAT(judge_devices(ranks, all_see(ranks, 2), false),
              is(Verdict::wrong, "gpu01 has 4 ranks and 2 GPUs", "one rank for each"));
  EXPECT_EQ(verdict_of(judge_devices(ranks, all_see(ranks, 2), true)), Verdict::ok);
  EXPECT_THAT(
      judge_devices(ranks, all_see(ranks, 8), false),
      is(Verdict::warning, "4 of the 8 GPUs of gpu01 have no rank (nor have some of 1 other node)", ""));
}

TEST(Doctor, KnowsStartsWithOneDeviceForEachRank) {
  const auto ranks = good_ranks();
  JobStart start = all_see(ranks, 0);
  for (size_t i = 0; i < ranks.size(); ++i)
    start.ranks[i].visible = {cat("0000:0", ranks.size() - i, ":00.0")};
  const auto findings = judge_devices(ranks, start, false);
  EXPECT_EQ(verdict_of(findings), Verdict::ok) << to_text(findings);
  EXPECT_THAT(findings, is(Verdict::ok, "1 CUDA device a rank can see", ""));
  start.ranks[1].visible = start.ranks[0].visible;
  EXPECT_THAT(judge_devices(ranks, start, false), is(Verdict::wrong, "gpu01 has 4 ranks and 3 GPUs", ""));
}

TEST(Doctor, LeavesBrokenDevicesOut) {
  const auto ranks = good_ranks();
  JobStart start = all_see(ranks, 5);
  start.faults = {{"gpu01 0000:02:00.0", "a row of its memory could not be remapped"},
                  {"gpu01 0000:07:00.0", "nobody sees that one"}};
  const auto findings = judge_devices(ranks, start, false);
  EXPECT_THAT(findings, is(Verdict::warning, "0000:02:00.0 is not used: a row of its memory", ""));
  EXPECT_THAT(findings, Not(is(Verdict::warning, "0000:07:00.0", "")));
  EXPECT_THAT(findings, is(Verdict::warning, "1 of the 5 GPUs of gpu02 have no rank", ""));
}

TEST(Doctor, FindsDevicesThatTheProgramCannotUse) {
  auto ranks = one_rank();
  const JobStart start = all_see(ranks, 0);
  EXPECT_THAT(judge_devices(ranks, start, false),
              is(Verdict::wrong, "although gpu01 has 4 NVIDIA GPUs", "nvidia-smi"));
  ranks[0].has_cuda_library = false;
  EXPECT_THAT(judge_devices(ranks, start, false),
              is(Verdict::warning, "although gpu01 has 4 NVIDIA GPUs", "DITMESH_CUDA=ON"));
  ranks[0].num_host_gpus = 0;
  EXPECT_EQ(verdict_of(judge_devices(ranks, start, false)), Verdict::ok)
      << "a machine without GPUs is a machine too";
}

TEST(JobStart, IsPutTogetherFromWhatEachRankSays) {
  StartReport first{{"a", {"0000:01:00.0"}, {0, 1}}, true, {{"0000:01:00.0", "hot"}}, {{0, 1}}};
  StartReport second{{"a", {}, {0, 1}}, false, {{"0000:02:00.0", "cold"}}, {}};
  const JobStart start =
      start_of({StartReport::from_text(first.to_text()), StartReport::from_text(second.to_text())});
  ASSERT_EQ(start.ranks.size(), 2U);
  EXPECT_EQ(start.ranks[0].visible, first.rank.visible);
  EXPECT_EQ(start.ranks[1].cores, second.rank.cores);
  EXPECT_EQ(start.faults,
            (std::map<std::string, std::string>{{"a 0000:01:00.0", "hot"}, {"a 0000:02:00.0", "cold"}}));
  EXPECT_EQ(start.numa_domains.at("a"), first.numa_domains);
}

TEST(JobStart, TakesTheCpuWhereNobodySeesAGpu) {
  const JobStart blind = all_see(good_ranks(), 0);
  EXPECT_FALSE(take_devices(blind, "auto", false));
  EXPECT_FALSE(take_devices(all_see(good_ranks(), 4), "cpu", false));
  EXPECT_THROW(take_devices(blind, "cuda", false), WrongStart);
  EXPECT_EQ(take_devices(all_see(good_ranks(), 4), "cuda", false)->at(6).ordinal, 2);
}

TEST(Doctor, FindsDevicesOfAnotherModelOrInUse) {
  auto ranks = good_ranks();
  ranks[5].device.model = "A100";
  ranks[2].device.free_bytes = 40 * kGiB;
  EXPECT_THAT(judge(ranks, {}), is(Verdict::warning, "rank 5 on gpu02 a A100", "--allow-different-numerics"));
  EXPECT_THAT(judge(ranks, {}),
              is(Verdict::warning, "of rank 2 on gpu01 40.0 GiB of 80.0 GiB", "nvidia-smi"));
}

TEST(Doctor, FindsLittleMemoryAndFewFiles) {
  auto ranks = good_ranks();
  ranks[7].memory_bytes = 8 * kGiB;
  ranks[3].shared_memory_bytes = kGiB / 16;
  ranks[0].max_open_files = 256;
  const auto findings = judge(ranks, {});
  EXPECT_THAT(findings,
              is(Verdict::warning, "2.0 GiB available to each rank of gpu02", "--text-encoder release"));
  EXPECT_THAT(findings,
              is(Verdict::warning, "/dev/shm of gpu01 has 64.0 MiB free for 4 ranks", "--shm-size"));
  EXPECT_THAT(findings, is(Verdict::warning, "256 at a time", "ulimit -n"));
}

TEST(Doctor, ReadsTheEnvironmentOfSlurm) {
  const LauncherEnvironment environment = {
      {"SLURM_JOB_ID", "77"},       {"SLURM_JOB_PARTITION", "gpu"}, {"SLURM_JOB_NODELIST", "gpu[01-03]"},
      {"SLURM_JOB_NUM_NODES", "3"}, {"SLURM_JOB_END_TIME", "1300"}, {"SLURM_RESTART_COUNT", "2"}};
  const auto findings = judge(good_ranks(), environment);
  EXPECT_THAT(findings,
              is(Verdict::warning,
                 "job 77 in gpu on gpu[01-03], requeued 2 times: 3 nodes allocated, ranks run on 2", "srun"));
  EXPECT_THAT(findings, is(Verdict::warning, "0:05:00 left, until 1970-01-01T00:21:40Z", "--time-limit"));
}

TEST(Doctor, FactsSurviveTheWay) {
  const RankFacts facts = good_ranks()[5];
  const RankFacts back = RankFacts::from_text(facts.to_text());
  EXPECT_EQ(back.to_text(), facts.to_text());
  EXPECT_EQ(back.cores, facts.cores);
  EXPECT_EQ(back.device.total_bytes, 80 * kGiB);
}

TEST(Finding, IsToldWithItsRemedyAndTheCount) {
  const std::vector<Finding> findings = {{"a", Verdict::ok, "fine"},
                                         {"b", Verdict::warning, "slow", "wait"},
                                         {"c", Verdict::wrong, "broken", "mend it"}};
  EXPECT_EQ(to_text(findings),
            "ok       a            fine\n"
            "warning  b            slow\n"
            "                      -> wait\n"
            "wrong    c            broken\n"
            "                      -> mend it\n"
            "1 thing is wrong, 1 warning\n");
  EXPECT_EQ(to_json(findings)["verdict"], "wrong");
  EXPECT_EQ(to_json(findings)["findings"][1]["remedy"], "wait");
}

}  // namespace
}  // namespace ditmesh

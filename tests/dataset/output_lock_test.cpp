#include "ditmesh/dataset/output_lock.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::TemporaryFolder;

/// Another process that holds a lock until it is killed.
class OtherJob {
 public:
  OtherJob(const std::filesystem::path& output, const Part& part) {
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) throw std::runtime_error("no pipe");
    process_ = ::fork();
    if (process_ == 0) {
      try {
        const OutputLock lock(output, part);
        const char done = 1;
        if (::write(ready[1], &done, 1) == 1) ::pause();
      } catch (...) {
      }
      ::_exit(1);
    }
    char done = 0;
    ::close(ready[1]);
    EXPECT_EQ(::read(ready[0], &done, 1), 1) << "the other process has no lock";
    ::close(ready[0]);
  }
  ~OtherJob() { kill(); }
  OtherJob(const OtherJob&) = delete;
  OtherJob& operator=(const OtherJob&) = delete;

  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  pid_t process() const { return process_; }

 private:
  pid_t process_ = -1;
};

std::string lock_error(const std::filesystem::path& output, const Part& part = {}) {
  return error_of<ConfigError>([&] { const OutputLock lock(output, part); });
}

TEST(OutputLock, NamesTheOwnerToOthers) {
  const TemporaryFolder folder;
  const std::filesystem::path output = folder.path() / "a" / "b";
  OtherJob other(output, {});
  EXPECT_THAT(lock_error(output),
              AllOf(HasSubstr(cat("another job writes to ", output, ": ")), HasSubstr(" on "),
                    HasSubstr(cat("process ", other.process(), ",")), HasSubstr(", since 20"),
                    HasSubstr("Z: wait until it ends, or choose another --output")));
  EXPECT_THAT(lock_owners(output), ElementsAre(HasSubstr(cat("process ", other.process(), ","))));
}

TEST(OutputLock, DoesNotOutliveACrash) {
  const TemporaryFolder folder;
  OtherJob other(folder.path(), {});
  other.kill();
  EXPECT_THAT(read_file(folder.path() / "job.lock"), HasSubstr("process")) << "the file stays";
  EXPECT_THAT(lock_owners(folder.path()), IsEmpty()) << "but nobody holds it";
  const OutputLock lock(folder.path());
  EXPECT_TRUE(lock.is_held());
  EXPECT_THAT(read_file(folder.path() / "job.lock"), HasSubstr(cat("process ", ::getpid(), ",")));
}

TEST(OutputLock, IsOfTheObjectNotOfTheProcess) {
  const TemporaryFolder folder;
  {
    OutputLock lock(folder.path());
    EXPECT_THAT(lock_error(folder.path()), HasSubstr("another job writes to"));
    EXPECT_THAT(lock_error(folder.path()), HasSubstr("another job writes to")) << "the attempt frees nothing";
    const OutputLock moved(std::move(lock));
    EXPECT_THAT(lock_error(folder.path()), HasSubstr(cat("process ", ::getpid(), ",")));
  }
  EXPECT_EQ(read_file(folder.path() / "job.lock"), "");
  EXPECT_EQ(lock_error(folder.path()), "no error");
}

TEST(OutputLock, LetsPartsRunBesideEachOther) {
  const TemporaryFolder folder;
  const OtherJob first(folder.path(), {0, 3});
  const OtherJob second(folder.path(), {1, 3});
  const OutputLock third(folder.path(), {2, 3});
  EXPECT_THAT(lock_error(folder.path(), {1, 3}), HasSubstr(cat("part 1/3: ")));
  EXPECT_THAT(lock_owners(folder.path()),
              ElementsAre(StartsWith("part 0/3: "), StartsWith("part 1/3: "), StartsWith("part 2/3: ")));
}

TEST(OutputLock, KeepsPartsAndTheWholeApart) {
  const TemporaryFolder folder;
  {
    const OtherJob part(folder.path(), {1, 3});
    EXPECT_THAT(lock_error(folder.path()), AllOf(HasSubstr("part 1/3: "), HasSubstr("wait until it ends")));
  }
  {
    OtherJob whole(folder.path(), {});
    EXPECT_THAT(lock_error(folder.path(), {1, 3}), HasSubstr(cat("process ", whole.process(), ",")));
    whole.kill();
  }
  const OutputLock part(folder.path(), {1, 3});
  EXPECT_THAT(lock_owners(folder.path()), ElementsAre(StartsWith("part 1/3: ")))
      << "the job that crashed is forgotten";
}

TEST(OutputLock, LetsOnePartAfterTheOtherBeAlone) {
  const TemporaryFolder output;
  std::atomic<int> inside{0};
  std::atomic<int> num_runs{0};
  std::vector<std::thread> jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.emplace_back([&, i] {
      const OutputLock lock(output.path(), {i, 4});
      for (int round = 0; round < 5; ++round) {
        lock.alone([&] {
          EXPECT_EQ(++inside, 1);
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
          --inside;
          ++num_runs;
        });
      }
      EXPECT_THROW(lock.alone([] { throw std::runtime_error("x"); }), std::runtime_error);
    });
  }
  for (std::thread& job : jobs) job.join();
  EXPECT_EQ(num_runs, 20);
  EXPECT_THAT(lock_owners(output.path()), IsEmpty());
  const OutputLock whole(output.path());
  whole.alone([&] { ++num_runs; });
  EXPECT_EQ(num_runs, 21);
}

TEST(OutputLock, NamesTheSlurmJob) {
  ::setenv("SLURM_JOB_ID", "4711", 1);
  EXPECT_THAT(describe_owner(), HasSubstr(", Slurm job 4711, since "));
  ::unsetenv("SLURM_JOB_ID");
  EXPECT_THAT(describe_owner(), ::testing::Not(HasSubstr("Slurm")));
}

TEST(OutputLock, SaysWhenItCannotWrite) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "job.lock");
  EXPECT_THAT(error_of<EnvironmentError>([&] { const OutputLock lock(folder.path()); }),
              AllOf(HasSubstr("cannot open"), HasSubstr("job.lock"), HasSubstr("Is a directory")));
}

}  // namespace
}  // namespace ditmesh

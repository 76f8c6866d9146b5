#pragma once
// No two jobs write one dataset.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/part.hpp"

namespace ditmesh {

/// This process, for whoever finds the lock taken: "alice on node7, process 4711, Slurm job 99, since
/// 2026-11-24T09:00:00Z".
std::string describe_owner();

/// Held while a job writes to OUTPUT; the kernel frees it when the process ends, however it ends.
///
///   whole dataset: job.lock exclusive
///   part I of N:   job.lock shared, job.part-I-of-N.lock exclusive
///
/// so that parts run beside each other, but no part twice and none beside a job for the whole dataset.
/// The exclusive file names the owner. The files stay, empty, when nobody holds them: whoever removed one
/// could remove it from under a job that has just opened it.
class OutputLock {
 public:
  /// Makes the folder if need be. Throws ConfigError naming the owner if another job is there,
  /// EnvironmentError if the files cannot be written. A file system without locks is a warning.
  explicit OutputLock(const std::filesystem::path& output, const Part& part = {}, const Log& log = {});
  ~OutputLock();
  OutputLock(OutputLock&& other) noexcept;
  OutputLock& operator=(OutputLock&&) = delete;

  /// Runs `body` while no other part's job does the same: what it reads of the others' files stays true until
  /// it has written its own. Throws EnvironmentError if it has to wait for too long.
  void alone(const std::function<void()>& body) const;

  /// False on a file system without locks.
  bool is_held() const { return owned_fd_ >= 0; }

 private:
  int shared_fd_ = -1;  // of a part: job.lock
  int owned_fd_ = -1;   // names us
};

/// The jobs that write to OUTPUT now, as describe_owner() has it, parts with "part I/N: " before it.
std::vector<std::string> lock_owners(const std::filesystem::path& output);

}  // namespace ditmesh

#include "rank_errors.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

// What `body` throws, as "CODE text" for other ranks; empty if all is well.
std::string error_of(const std::function<void()>& body) {
  try {
    body();
    return {};
  } catch (const Error& error) {
    return cat(static_cast<int>(error.exit_code()), ' ', error.what());
  } catch (const std::exception& error) {
    return cat(static_cast<int>(ExitCode::defect), ' ', error.what());
  }
}

[[noreturn]] void throw_told(const std::string& told) {
  const size_t blank = told.find(' ');
  throw AgreedError(static_cast<ExitCode>(*parse_int(told.substr(0, blank))), told.substr(blank + 1));
}

// All ranks throw if one of them has something to say; the texts are gathered.
void throw_together(const MpiSession& mpi, const std::string& problem, const std::string& remedy) {
  std::vector<std::string> problems;
  for (const std::string& one : mpi.all_gather(problem)) {
    if (!one.empty()) problems.push_back(one);
  }
  if (problems.empty()) return;
  const size_t more = problems.size() - 1;
  throw AgreedError(
      ExitCode::environment,
      more == 0 ? problems.front()
                : cat(problems.front(), " (and ", counted(static_cast<int64_t>(more), "other rank"), ")"),
      remedy);
}

}  // namespace

void share_error(const MpiSession& mpi, const std::function<void()>& body) {
  std::string told;
  if (mpi.rank() == 0) told = error_of(body);
  told = mpi.broadcast(told);
  if (!told.empty()) throw_told(told);
}

void run_on_each(const MpiSession& mpi, const std::function<void()>& body) {
  for (const std::string& told : mpi.all_gather(error_of(body))) {
    if (!told.empty()) throw_told(told);
  }
}

void check_shared_folder(const MpiSession& mpi, const fs::path& folder) {
  const std::string token = mpi.broadcast(cat(kProbePrefix, ::getpid(), "-", MpiSession::host_name(), "-"));
  const auto probe_of = [&](int rank) { return folder / cat(token, rank); };
  const std::string who = cat("rank ", mpi.rank(), " on ", MpiSession::host_name());
  std::string problem;
  {
    std::ofstream probe(probe_of(mpi.rank()));
    if (!probe) problem = cat(who, " cannot write to ", folder, ": ", std::strerror(errno));
  }
  const std::string remedy =
      "give an --output (of export: a --to) on a file system that all hosts share and may write to";
  std::error_code ignored;
  try {
    throw_together(mpi, problem, remedy);
    // A neighbour's file, so that no rank has to look at all of them.
    const int neighbour = (mpi.rank() + 1) % mpi.size();
    if (!fs::exists(probe_of(neighbour), ignored)) {
      problem = cat(who, " does not see in ", folder, " what rank ", neighbour, " on ",
                    mpi.host_of(neighbour), " wrote there");
    }
    throw_together(mpi, problem, remedy);
  } catch (...) {
    fs::remove(probe_of(mpi.rank()), ignored);
    throw;
  }
  fs::remove(probe_of(mpi.rank()), ignored);
}

}  // namespace ditmesh

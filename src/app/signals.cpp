#include "signals.hpp"

#include <atomic>
#include <csignal>

namespace ditmesh {

namespace {

// A handler can reach nothing but a global.
std::atomic<StopReason> signalled{StopReason::none};
static_assert(std::atomic<StopReason>::is_always_lock_free);

void note(int signal) {
  if (signal != SIGUSR2) {
    signalled = StopReason::terminate;
  } else if (signalled == StopReason::none) {
    signalled = StopReason::warning;
  }
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  // A file-size limit is then an error of write(), which says what and where.
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  sigaction(SIGXFSZ, &action, nullptr);
}

StopReason stop_signal() { return signalled; }

}  // namespace ditmesh

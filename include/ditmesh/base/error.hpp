#pragma once
// The errors of ditmesh. Every error says which rule was broken, with the
// numbers, and what to do about it; its class decides the exit code.

#include <stdexcept>
#include <string>

namespace ditmesh {

/// Exit codes that scripts rely on. 1 is never ours: launchers use it.
enum class ExitCode : int {
  done = 0,
  bad_input = 2,
  environment = 3,
  communication = 4,
  some_failed = 10,
  defect = 70,
  requeue = 75,
};

/// Base of all errors: `what()` is "rule with numbers: remedy".
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& rule, const std::string& remedy)
      : std::runtime_error(remedy.empty() ? rule : rule + ": " + remedy), code_(code) {}

  ExitCode exit_code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// The user gave something that cannot work (option, file content, manifest).
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& rule, const std::string& remedy = {})
      : Error(ExitCode::bad_input, rule, remedy) {}
};

/// The machine, a file system, a driver or a library refuses.
class EnvironmentError : public Error {
 public:
  explicit EnvironmentError(const std::string& rule, const std::string& remedy = {})
      : Error(ExitCode::environment, rule, remedy) {}
};

/// An error that all ranks of a job find together, after they agreed: it is told once.
class AgreedError : public Error {
 public:
  AgreedError(ExitCode code, const std::string& rule, const std::string& remedy = {})
      : Error(code, rule, remedy) {}
};

/// A peer or a communication call failed; the rule names call, rank and peer.
class CommError : public Error {
 public:
  explicit CommError(const std::string& rule, const std::string& remedy = {})
      : Error(ExitCode::communication, rule, remedy) {}
};

/// A defect of ours: a rule that the code itself must keep does not hold.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& rule)
      : Error(ExitCode::defect, rule, "this is a defect of ditmesh, please report it") {}
};

}  // namespace ditmesh

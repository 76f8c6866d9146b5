#pragma once
// spdlog behind the logging interface; to standard error.

#include <string>

#include "ditmesh/base/log.hpp"

namespace ditmesh {

/// `who`: stands before every message, for ranks other than 0 ("rank 3 on host").
Log make_log(const std::string& who = {});

/// One error, on standard error; the last thing a process says.
void print_error(const std::string& command, const std::string& message);

}  // namespace ditmesh

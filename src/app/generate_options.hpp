#pragma once

#include "options.hpp"

namespace ditmesh {

CommandSpec generate_spec();

}  // namespace ditmesh

#include "ditmesh/base/error.hpp"

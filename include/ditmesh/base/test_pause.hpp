#pragma once
// A test switch: DITMESH_TEST_PAUSE=NAME=MILLISECONDS[,NAME=MILLISECONDS…] makes the program pause at named
// places, so that a test can kill it there. Places: journal-append (a record is half written), shard-write
// (after each row), shard-rename (the file has its name, the job does not know yet), index-write (the index
// is whole, but has not its name), read-tensor and encode (before each tensor of the weights, before each
// call of the text encoders), export-picture and export-move (before each picture of an export, before each
// name that it gets in the end).

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace ditmesh {

/// The pauses of one value of the switch. Throws ConfigError for a text of another form.
class TestPauses {
 public:
  explicit TestPauses(std::string_view text);

  std::chrono::milliseconds at(std::string_view name) const;

 private:
  std::map<std::string, std::chrono::milliseconds, std::less<>> pauses_;
};

/// Sleeps if the environment asks for it at this place. The environment is read once.
void test_pause(std::string_view name);

}  // namespace ditmesh

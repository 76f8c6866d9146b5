#pragma once
// What this process does now, for the heartbeats that tell others.

#include <cstdint>
#include <mutex>
#include <string>

namespace ditmesh {

/// A moment of a rank's work, as rank 0 hears of it.
struct Heartbeat {
  std::string coordinate;        // in the mesh, "data=3"; empty before there is a mesh
  std::string doing;             // "denoising step 3 of 28"
  uint64_t num_changes = 0;      // what it does has changed so often: it moves on
  uint64_t num_collectives = 0;  // collective calls that it has entered
  bool is_waiting = false;       // in the last of them

  bool operator==(const Heartbeat&) const = default;
};

/// Written often, read now and then; from any thread.
class Activity {
 public:
  void set_coordinate(std::string coordinate);
  void set(std::string doing);
  /// `step` of `steps`; of as many as there are for 0.
  void set_step(int64_t step, int64_t steps);

  Heartbeat now() const;
  uint64_t num_changes() const;

  /// While it lives, this rank waits for all others in a collective call.
  class Waiting {
   public:
    explicit Waiting(Activity& activity);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    Activity& activity_;
  };

 private:
  mutable std::mutex mutex_;
  std::string coordinate_;
  std::string doing_ = "starting";
  int64_t step_ = 0;
  int64_t steps_ = 0;
  uint64_t num_changes_ = 0;
  uint64_t num_collectives_ = 0;
  bool is_waiting_ = false;
};

/// As bytes between ranks; unpack_heartbeat(pack(h)) == h. Throws InternalError for other bytes.
std::string pack(const Heartbeat& heartbeat);
Heartbeat unpack_heartbeat(const std::string& bytes);

}  // namespace ditmesh

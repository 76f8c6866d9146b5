#pragma once
// The device, dtype and threads of this rank.

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "job_start.hpp"
#include "options.hpp"

namespace ditmesh {

class RankDevice {
 public:
  /// `bus_id`: of a GPU. `computing_cores`: to bind to; empty leaves that as the launcher did it.
  RankDevice(at::Device device, at::ScalarType dtype, at::ScalarType noise_dtype, int threads,
             std::string bus_id, std::vector<int> computing_cores)
      : device_(device),
        dtype_(dtype),
        noise_dtype_(noise_dtype),
        threads_(threads),
        bus_id_(std::move(bus_id)),
        computing_cores_(std::move(computing_cores)) {}

  at::TensorOptions options() const { return at::TensorOptions(dtype_).device(device_); }
  at::ScalarType noise_dtype() const { return noise_dtype_; }
  int threads() const { return threads_; }
  std::string dtype_name() const;
  /// What the numbers depend on: the GPU's or the CPU's model.
  std::string model_name() const;
  std::string describe() const;
  /// Which one it is on its node: the GPU's PCI address, or "cores 0-3"; empty for cores that are not its
  /// own.
  std::string place() const;

  /// Binds the calling thread, and so the threads of kernels that it starts, to the rank's cores. Called by
  /// the thread that computes, when those that do not are there: they would inherit it.
  void bind_computing_threads(const Log& log) const;

  /// Pictures a kernel sees at once. On the CPU one: there a batch is not faster,
  /// and results must not depend on its size.
  int64_t batch(int64_t asked) const { return device_.is_cpu() ? 1 : asked; }

 private:
  at::Device device_;
  at::ScalarType dtype_;
  at::ScalarType noise_dtype_;
  int threads_;
  std::string bus_id_;
  std::vector<int> computing_cores_;
};

/// Binds the threads of ranks that the launcher has not bound apart: says what is bound, and warns where
/// `threads` are more than cores. Returns the cores of the thread that computes, for bind_this_thread(); none
/// where nothing is to be bound. All ranks together.
std::vector<int> bind_to_cores(const JobStart& start, int threads, const MpiSession& mpi, const Log& log);

/// --device, --dtype, --noise-dtype, --threads and --share-devices.
std::vector<OptionSpec> device_options();

/// Chooses by these options, and makes the device current: each rank a GPU of its own, or cores of its own
/// where the launcher left that to us. All ranks together: they take the same kind of device or all throw
/// AgreedError.
RankDevice choose_device(const Options& options, const MpiSession& mpi, const Log& log);

}  // namespace ditmesh

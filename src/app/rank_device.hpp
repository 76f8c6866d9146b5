#pragma once
// The device, dtype and threads of this rank.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/comm/communicator.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "options.hpp"

namespace ditmesh {

class RankDevice {
 public:
  RankDevice(at::Device device, at::ScalarType dtype, at::ScalarType noise_dtype, int threads)
      : device_(device), dtype_(dtype), noise_dtype_(noise_dtype), threads_(threads) {}

  at::TensorOptions options() const { return at::TensorOptions(dtype_).device(device_); }
  at::ScalarType noise_dtype() const { return noise_dtype_; }
  int threads() const { return threads_; }
  std::string dtype_name() const;
  /// What the numbers depend on: the GPU's or the CPU's model.
  std::string model_name() const;
  std::string describe() const;

  /// Pictures a kernel sees at once. On the CPU one: there a batch is not faster,
  /// and results must not depend on its size.
  int64_t batch(int64_t asked) const { return device_.is_cpu() ? 1 : asked; }

 private:
  at::Device device_;
  at::ScalarType dtype_;
  at::ScalarType noise_dtype_;
  int threads_;
};

/// --device, --dtype, --noise-dtype and --threads.
std::vector<OptionSpec> device_options();

/// Chooses by --device, --dtype, --noise-dtype and --threads, and makes the
/// device current. All ranks together: they take the same kind of device or
/// all throw AgreedError.
RankDevice choose_device(const Options& options, const MpiSession& mpi, Communicator& world, const Log& log);

}  // namespace ditmesh

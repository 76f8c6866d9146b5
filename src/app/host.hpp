#pragma once
// What the kernel says about this host and this process.

#include <cstdint>
#include <string>
#include <vector>

namespace ditmesh {

std::string cpu_model();
/// Of the NVIDIA GPU with this PCI address, or else of the first, as its driver names it; "CUDA device" if it
/// does not.
std::string gpu_model(const std::string& bus_id);
/// NVIDIA GPUs that a driver runs on this host, whoever may use them.
int num_host_gpus();
/// "580.95.05"; empty without a driver.
std::string gpu_driver_version();

/// Cores that this process may run on, by number.
std::vector<int> bound_cores();
/// Binds every thread of this process, or the calling one alone; threads that begin later have what the one
/// has that starts them. False if the kernel refuses.
bool bind_all_threads(const std::vector<int>& cores);
bool bind_this_thread(const std::vector<int>& cores);
/// Cores of the host.
int num_host_cores();

/// Memory that this process can still get: of the host, or within the limit of its control group. 0 if
/// unknown.
uint64_t available_memory_bytes();
/// Free in /dev/shm, through which ranks of a host talk; 0 if there is none.
uint64_t free_shared_memory_bytes();
int64_t max_open_files();

}  // namespace ditmesh

// `ditmesh bench`: how long the parts of a model take here. No checkpoint is needed.

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "calibrate.hpp"
#include "command.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/logging/logging.hpp"
#include "ditmesh/model/flux_pipeline.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "rank_device.hpp"
#include "version.hpp"

namespace ditmesh {

namespace {

CommandSpec bench_spec() {
  CommandSpec spec;
  spec.name = "bench";
  spec.summary = "Measures the parts of a model on this rank's device; on several ranks all at once.";
  spec.usage = "(--model NAME|DIR | --calibrate) [options]";
  spec.examples = {"ditmesh bench --model flux.1-dev --to results/flux.1-dev-h200.json",
                   "mpirun -n 2 ditmesh bench --model flux-small --height 256 --width 256 --device cpu",
                   "ditmesh bench --calibrate --to my-gpu.json"};
  spec.add_group("What is measured",
                 {{"model", OptionKind::text, "NAME|DIR", "",
                   cat("a built-in shape with random weights (", join(built_in_names(), ", "),
                       ") or a diffusers folder")},
                  {"calibrate", OptionKind::flag, "", "",
                   "measure the device instead: what it reaches of its peak, as the planner wants it "
                   "(topology/devices)"},
                  {"height", OptionKind::integer, "PIXELS", "1024", "of the picture", {}, 1, 16384},
                  {"width", OptionKind::integer, "PIXELS", "1024", "of the picture", {}, 1, 16384},
                  {"batch", OptionKind::integer, "N", "1", "pictures at once", {}, 1, 1024},
                  {"max-sequence-length",
                   OptionKind::integer,
                   "N",
                   "",
                   "tokens of the T5 prompt (default 512, without guidance embedding 256, at most "
                   "tokenizer_2's model_max_length)",
                   {},
                   1,
                   512}});
  spec.add_group(
      "How", {{"repeats", OptionKind::integer, "N", "10", "measurements of each part", {}, 1, 10000},
              {"warm-ups", OptionKind::integer, "N", "2", "runs before the first measurement", {}, 0, 1000},
              {"to", OptionKind::text, "FILE", "",
               "also write the figures as JSON; a file that is there is left alone"}});
  spec.add_group("Ranks and devices", device_options());
  return spec;
}

struct Timing {
  std::string name;
  std::vector<double> ms;  // sorted
  PeakMemory memory = {};

  double quantile(double q) const {
    return ms[static_cast<size_t>(std::lround(q * static_cast<double>(ms.size() - 1)))];
  }
};

template <typename Run>
Timing measure(const std::string& name, int64_t warm_ups, int64_t repeats, const at::Device& device,
               Run run) {
  Timing timing{name, {}, {}};
  reset_peak(device);
  for (int64_t i = -warm_ups; i < repeats; ++i) {
    synchronize(device);
    const auto start = std::chrono::steady_clock::now();
    run();
    synchronize(device);
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (i >= 0) timing.ms.push_back(ms);
  }
  std::sort(timing.ms.begin(), timing.ms.end());
  timing.memory = peak_memory(device);
  return timing;
}

std::vector<Timing> measure_all(const FluxDescription& model, const Options& options,
                                const RankDevice& device) {
  const int64_t height = options.integer("height");
  const int64_t width = options.integer("width");
  const auto batch_size = static_cast<int>(options.integer("batch"));
  const int64_t tokens = options.has("max-sequence-length") ? options.integer("max-sequence-length")
                                                            : model.default_max_sequence_length();
  LocalCommunicator alone;
  InnerGroups groups(alone, Mesh());
  const int64_t repeats = options.integer("repeats");
  const int64_t warm_ups = options.integer("warm-ups");
  const at::Device where = device.options().device();
  std::vector<Timing> timings;

  PromptEncoder encoder(model, device.options(), tokens, batch_size, {});
  const std::vector<std::string> prompts(static_cast<size_t>(batch_size),
                                         "a photograph of a red cat on a blue sofa");
  timings.push_back(measure("encode prompts", warm_ups, repeats, where, [&] { encoder.encode(prompts); }));
  const auto states = encoder.encode(prompts);
  encoder.release();

  FluxPipeline pipeline(model, device.options(), device.noise_dtype(), groups);
  std::vector<PictureRequest> requests;
  for (const PromptStates& one : states) requests.push_back({one, {}, 1, 3.5, 1});
  const auto steps = static_cast<int>(warm_ups + repeats);
  const BatchShape shape{height, width, steps, false};
  timings.push_back(measure("prepare", 0, 1, where, [&] { pipeline.start(requests, shape); }));
  InFlight batch = pipeline.start(requests, shape);
  timings.push_back(measure("denoising step", warm_ups, repeats, where, [&] { pipeline.advance(batch); }));
  const at::Tensor latents = pipeline.unpack(batch.latents, shape);
  timings.push_back(measure("decode", warm_ups, repeats, where, [&] { pipeline.decode(latents); }));
  return timings;
}

ExitCode run_on_ranks(const FluxDescription& model, const Options& options, const MpiSession& mpi,
                      const Log& log) {
  const c10::InferenceMode no_gradients;
  const RankDevice device = choose_device(options, mpi, log);
  device.bind_computing_threads(log);
  const auto timings = measure_all(model, options, device);

  // Every rank's medians, so that a slow one is seen.
  Json mine = Json::array();
  for (const Timing& timing : timings) {
    mine.push_back({{"part", timing.name},
                    {"repeats", timing.ms.size()},
                    {"min_ms", timing.ms.front()},
                    {"median_ms", timing.quantile(0.5)},
                    {"p95_ms", timing.quantile(0.95)},
                    {"max_ms", timing.ms.back()},
                    {"tensor_bytes", timing.memory.tensor_bytes},
                    {"reserved_bytes", timing.memory.reserved_bytes}});
  }
  const auto all = mpi.all_gather(mine.dump());
  if (mpi.rank() != 0) return ExitCode::done;

  std::cout << model.name << ", " << options.text("height") << "x" << options.text("width") << ", batch "
            << options.text("batch") << ", " << device.describe() << ", " << counted(mpi.size(), "rank")
            << "; ms per call after " << options.text("warm-ups") << " warm-ups\n\n"
            << "rank  part              repeats       min    median       p95       max      memory\n";
  Json ranks = Json::array();
  for (size_t rank = 0; rank < all.size(); ++rank) {
    ranks.push_back(Json::parse(all[rank]));
    for (const Json& part : ranks.back()) {
      std::cout << std::setw(4) << rank << "  " << std::left << std::setw(18)
                << part["part"].get<std::string>() << std::right << std::setw(7)
                << part["repeats"].get<int>();
      for (const char* figure : {"min_ms", "median_ms", "p95_ms", "max_ms"}) {
        std::cout << std::fixed << std::setprecision(2) << std::setw(10) << part[figure].get<double>();
      }
      const auto bytes = part["tensor_bytes"].get<uint64_t>();
      std::cout << std::setw(12) << (bytes > 0 ? human_bytes(bytes) : "-");
      std::cout << "\n";
    }
  }
  if (options.has("to")) {
    const OrderedJson report = {{"model", model.name},
                                {"settings", options.to_json()},
                                {"device", device.describe()},
                                {"versions", build_versions()},
                                {"ranks", ranks}};
    write_file_atomically(options.text("to"), report.dump(2) + "\n");
  }
  return ExitCode::done;
}

// One rank's device; the others wait.
ExitCode run_calibration(const Options& options, const MpiSession& mpi, const Log& log) {
  const c10::InferenceMode no_gradients;
  const RankDevice device = choose_device(options, mpi, log);
  if (mpi.rank() == 0) {
    const DeviceModel model = calibrate(device);
    const std::string text = to_json(model).dump(2) + "\n";
    if (options.has("to")) {
      write_file_atomically(options.text("to"), text);
      log.info(cat(model.name, ", ", device.describe(), ": ", options.text("to")));
    } else {
      std::cout << text;
    }
  }
  return ExitCode::done;
}

ExitCode run_bench(const Command& command, const ProgramArguments& arguments) {
  const MpiSession mpi(arguments.argc, arguments.argv, abort_on_trouble(command));
  const Log log = make_log();
  std::string text;
  if (mpi.rank() == 0) {
    try {
      if (const auto options = resolve_options(command, arguments.after_command)) {
        if (options->has("model") == options->flag("calibrate")) {
          throw ConfigError(options->has("model") ? "--model and --calibrate are both given"
                                                  : "there is nothing to measure",
                            "give a model with --model, or --calibrate for the device itself");
        }
        if (options->has("to") && std::filesystem::exists(options->text("to"))) {
          throw ConfigError(cat("--to ", options->text("to"), " is there already"), "name a new file");
        }
        const std::string name = options->has("model") ? options->text("model") : built_in_names().front();
        const auto built_in = built_in_flux(name);
        if (!built_in && !std::filesystem::is_directory(name) && name.find('/') == std::string::npos) {
          throw ConfigError(cat("--model: there is no built-in shape and no folder '", name, "'",
                                did_you_mean(name, built_in_names())),
                            cat("the shapes are ", join(built_in_names(), ", ")));
        }
        const FluxDescription model = built_in ? *built_in : read_flux_folder(name, find_model(name));
        model.check_size(options->integer("height"), options->integer("width"));
        if (!built_in) check_flux_folder(model);
        text = options->to_json().dump();
      } else {
        text = "0";
      }
    } catch (const Error& error) {
      print_error(command.spec.name, error.what());
      text = cat(static_cast<int>(error.exit_code()));
    }
  }
  text = mpi.broadcast(text);
  if (text.front() != '{') return static_cast<ExitCode>(*parse_int(text));
  return run_together(mpi, command, [&] {
    const Options options = Options::from_json(Json::parse(text));
    if (options.flag("calibrate")) return run_calibration(options, mpi, log);
    const std::string& name = options.text("model");
    const auto built_in = built_in_flux(name);
    return run_on_ranks(built_in ? *built_in : read_flux_folder(name, find_model(name)), options, mpi, log);
  });
}

}  // namespace

Command bench_command() { return {bench_spec(), run_bench}; }

}  // namespace ditmesh

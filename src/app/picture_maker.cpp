#include "picture_maker.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/device.hpp"

namespace ditmesh {

namespace {

constexpr int kEncoderBatch = 8;  // prompts a GPU encodes at once

using Clock = std::chrono::steady_clock;

// DITMESH_TEST_INSTANT=1 makes pictures of one colour, that of their seed, without the model: for tests and
// measurements of what surrounds it.
bool is_test_instant() {
  static const bool kIsSet = std::getenv("DITMESH_TEST_INSTANT") != nullptr;
  return kIsSet;
}

Pictures instant_pictures(const std::vector<PictureRequest>& requests, const BatchShape& shape) {
  Pictures pictures;
  pictures.finite.assign(requests.size(), true);
  std::vector<at::Tensor> pixels;
  for (const PictureRequest& request : requests) {
    pixels.push_back(
        at::full({shape.height, shape.width, 3}, static_cast<int64_t>(request.seed % 256), at::kByte));
  }
  pictures.pixels = at::stack(pixels);
  return pictures;
}

// DITMESH_TEST_FAIL=encode:TEXT, nan:TEXT or nan-once:TEXT makes samples fail whose prompt holds TEXT.
bool is_test_failure(const std::string& kind, const Sample& sample) {
  static const std::string kSetting = [] {
    const char* value = std::getenv("DITMESH_TEST_FAIL");
    return std::string(value != nullptr ? value : "");
  }();
  return kSetting.starts_with(kind + ":") &&
         sample.prompt.find(kSetting.substr(kind.size() + 1)) != std::string::npos;
}

Image to_image(const at::Tensor& pixels) {
  Image image(static_cast<int32_t>(pixels.size(0)), static_cast<int32_t>(pixels.size(1)));
  std::memcpy(image.pixels.data(), pixels.const_data_ptr(), image.size_bytes());
  return image;
}

Latents to_latents(const at::Tensor& values) {
  Latents latents{static_cast<int32_t>(values.size(0)),
                  static_cast<int32_t>(values.size(1)),
                  static_cast<int32_t>(values.size(2)),
                  {}};
  latents.values.resize(static_cast<size_t>(values.numel()));
  std::memcpy(latents.values.data(), values.const_data_ptr(), latents.values.size() * sizeof(float));
  return latents;
}

}  // namespace

PictureMaker::PictureMaker(const PictureSettings& settings, const SampleSource& samples,
                           const RankDevice& device, OnStep on_step, Log log, Recorder& recorder)
    : settings_(settings),
      samples_(samples),
      device_(device),
      on_step_(std::move(on_step)),
      trace_(recorder.lane(Lane::generate)),
      groups_(alone_, Mesh()),
      pipeline_(settings.model, device.options(), device.noise_dtype(), groups_, [this] { on_tensor(); }),
      encoder_(settings.model, device.options(), settings.max_sequence_length,
               static_cast<int>(device.batch(kEncoderBatch)), std::move(log), [this] { on_tensor(); }),
      cache_(encoder_, settings.prompt_cache_bytes, settings.release_text_encoders) {
  groups_.record(recorder);
}

std::vector<std::string> PictureMaker::prompts(const Sample& sample) {
  std::vector<std::string> texts = {sample.prompt};
  if (sample.uses_true_cfg()) texts.push_back(sample.negative_prompt);
  return texts;
}

void PictureMaker::on_tensor() {
  test_pause("read-tensor");
  if (!on_step_("reading weights, tensor", ++num_tensors_, 0)) throw Stopped();
}

// Encodes the prompts of the order, and of what comes after it as far as there is room. False if the job
// stops before.
bool PictureMaker::encode(const WorkOrder& order, const std::vector<Sample>& samples,
                          std::vector<Failure>& failures) {
  if (!is_test_instant()) {
    std::vector<std::vector<std::string>> groups(1);
    for (const Sample& sample : samples) {
      for (std::string& text : prompts(sample)) groups.front().push_back(std::move(text));
    }
    if (order.is_retry) cache_.forget_errors();
    // Looked ahead only when a window is used up, not for every batch.
    if (!cache_.holds(groups.front())) {
      for (const int64_t next : order.ahead) groups.push_back(prompts(samples_.sample(next)));
      const auto go_on = [this](int step, int steps) {
        test_pause("encode");
        return on_step_("encoding prompts", step, steps);
      };
      try {
        if (!cache_.prepare(groups, go_on)) return false;
      } catch (const Stopped&) {
        return false;
      }
    }
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    std::string error = is_test_failure("encode", samples[i]) ? "DITMESH_TEST_FAIL" : "";
    for (const std::string& text : prompts(samples[i])) {
      if (error.empty()) error = cache_.error_of(text);
    }
    if (!error.empty()) failures.push_back({i, cat("the prompt cannot be encoded: ", error)});
  }
  return true;
}

// The first step begins at the first mark.
void PictureMaker::record_steps(const DeviceTimer& timer, int64_t first_sample, size_t num_samples) const {
  const auto times_ns = timer.times_ns();
  for (size_t step = 0; step + 1 < times_ns.size(); ++step) {
    Span span;
    span.phase = Phase::denoise;
    span.sample = first_sample;
    span.num_samples = static_cast<int32_t>(num_samples);
    span.step = static_cast<int32_t>(step);
    span.start_ns = times_ns[step];
    span.duration_ns = times_ns[step + 1] - times_ns[step];
    trace_.record(span);
  }
}

// The pictures of samples[which]; nothing if the batch is dropped.
std::optional<Pictures> PictureMaker::run(const std::vector<Sample>& samples,
                                          const std::vector<size_t>& which, int64_t first_sample) {
  const Sample& first = samples[which.front()];
  const BatchShape shape{first.height, first.width, first.steps, first.uses_true_cfg()};
  std::vector<PictureRequest> requests;
  for (const size_t i : which) {
    PictureRequest request;
    if (!is_test_instant()) {
      request.prompt = cache_.at(samples[i].prompt);
      if (shape.true_cfg) request.negative = cache_.at(samples[i].negative_prompt);
    }
    request.seed = static_cast<uint64_t>(samples[i].seed);
    request.guidance = samples[i].guidance;
    request.true_cfg = samples[i].true_cfg;
    requests.push_back(std::move(request));
  }
  // Kernels always see the full batch: a short one is filled up with repeats.
  requests.resize(static_cast<size_t>(device_.batch(settings_.batch)), requests.back());

  if (is_test_instant()) return instant_pictures(requests, shape);
  DeviceTimer timer(device_.options().device());
  timer.mark();
  InFlight batch = pipeline_.start(requests, shape);
  bool is_dropped = false;
  for (int step = 0; !batch.finished(); ++step) {
    is_dropped = !on_step_("denoising step", step + 1, shape.steps);
    if (is_dropped) break;
    pipeline_.advance(batch);
    timer.mark();
  }
  synchronize(device_.options().device());
  record_steps(timer, first_sample, which.size());
  if (is_dropped) return std::nullopt;
  on_step_("decoding", 0, 0);
  const auto decoding = trace_.scope(Phase::decode, first_sample, static_cast<int32_t>(which.size()));
  Pictures pictures = pipeline_.finish(batch, shape);
  return pictures;
}

MadeBatch PictureMaker::make(const WorkOrder& order) {
  const auto start = Clock::now();
  std::vector<Sample> samples;
  for (const int64_t index : order.samples) samples.push_back(samples_.sample(index));
  std::vector<Failure> failures;
  bool is_encoded = false;
  {
    const auto encoding =
        trace_.scope(Phase::encode, order.samples.front(), static_cast<int32_t>(samples.size()));
    is_encoded = encode(order, samples, failures);
  }

  // On the CPU pictures are made one by one: there a batch is not faster, and results do not depend on it.
  const auto at_once = static_cast<size_t>(device_.batch(settings_.batch));
  std::vector<size_t> good;
  for (size_t i = 0; i < samples.size(); ++i) {
    const bool is_bad = std::any_of(failures.begin(), failures.end(),
                                    [&](const Failure& failure) { return failure.index == i; });
    if (!is_bad) good.push_back(i);
  }
  std::vector<JournalRecord> records(samples.size());
  std::vector<size_t> dropped;
  if (!is_encoded) dropped = std::exchange(good, {});
  for (size_t begin = 0; begin < good.size(); begin += at_once) {
    const std::vector<size_t> which(
        good.begin() + static_cast<std::ptrdiff_t>(begin),
        good.begin() + static_cast<std::ptrdiff_t>(std::min(begin + at_once, good.size())));
    std::optional<Pictures> pictures;
    try {
      pictures = run(samples, which, order.samples[which.front()]);
    } catch (const c10::OutOfMemoryError& error) {
      throw EnvironmentError(
          cat("a batch of ", device_.batch(settings_.batch), " pictures of ", samples.front().height, "x",
              samples.front().width, " does not fit the device: ", error.what_without_backtrace()),
          "use a smaller --batch, --text-encoder release, or a 16-bit --dtype");
    }
    if (!pictures) {
      dropped.assign(good.begin() + static_cast<std::ptrdiff_t>(begin), good.end());
      break;
    }
    for (size_t i = 0; i < which.size(); ++i) {
      const bool is_bad = is_test_failure("nan", samples[which[i]]) ||
                          (!order.is_retry && is_test_failure("nan-once", samples[which[i]]));
      if (!pictures->finite[i] || is_bad) {
        failures.push_back({which[i], "the model gave values that are not finite (NaN or infinity)"});
        continue;
      }
      JournalRecord& record = records[which[i]];
      record.image = to_image(pictures->pixels[static_cast<int64_t>(i)]);
      if (settings_.save_latents && pictures->latents.defined())
        record.latents = to_latents(pictures->latents[static_cast<int64_t>(i)]);
    }
  }

  MadeBatch made;
  made.result.unit = order.unit;
  made.result.outcomes.assign(samples.size(), WorkResult::Outcome::done);
  made.result.seconds = seconds_since(start);
  for (const size_t i : dropped) made.result.outcomes[i] = WorkResult::Outcome::dropped;
  for (const Failure& failure : failures) {
    made.result.outcomes[failure.index] =
        order.is_retry ? WorkResult::Outcome::failed : WorkResult::Outcome::failed_once;
    records[failure.index].status = SampleStatus::failed;
    records[failure.index].error = failure.error;
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    const WorkResult::Outcome outcome = made.result.outcomes[i];
    if (outcome == WorkResult::Outcome::failed_once || outcome == WorkResult::Outcome::dropped) continue;
    JournalRecord& record = records[i];
    record.row = samples[i].row;
    record.copy = samples[i].copy;
    record.position = order.positions[i];
    record.device_seconds = static_cast<float>(made.result.seconds / static_cast<double>(samples.size()));
    made.records.push_back(std::move(record));
  }
  return made;
}

}  // namespace ditmesh

#include "ditmesh/mesh/plan_text.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "ditmesh/base/text.hpp"
#include "ditmesh/mesh/stages.hpp"

namespace ditmesh {

namespace {

constexpr double kMilli = 1e3;

std::string ms(double seconds) { return cat(fixed(seconds * kMilli, seconds < 0.0995 ? 1 : 0), " ms"); }

std::string inner_name(const Mesh& mesh) {
  const Mesh inner = mesh.with(Axis::data, 1);
  return inner.inner_size() == 1 ? std::string("one device") : inner.to_string();
}

Axis dearest_axis(const ReplicaCost& cost) {
  const auto most = std::max_element(cost.axis_s.begin(), cost.axis_s.end());
  return kAxes[static_cast<size_t>(most - cost.axis_s.begin())];
}

std::string joined_bytes(const PerLevel& bytes, double images) {
  std::vector<std::string> parts;
  for (size_t level = 0; level < kNumLevels; ++level) {
    if (bytes[level] == 0) continue;
    parts.push_back(cat(to_string(static_cast<Level>(level)), " ",
                        human_bytes(static_cast<uint64_t>(bytes[level] / images))));
  }
  return parts.empty() ? "none" : join(parts, ", ");
}

OrderedJson to_json(const PlannedMesh& planned) {
  const ReplicaCost& cost = planned.cost();
  OrderedJson json{{"mesh", planned.mesh.to_string()},
                   {"batch", planned.workload.batch},
                   {"patches", planned.workload.patches},
                   {"stages", to_string(planned.stages)},
                   {"spares", planned.spares},
                   {"step_s", cost.step_s},
                   {"image_s", planned.image_s},
                   {"images_per_s", planned.images_per_s},
                   {"device_s_per_image", planned.device_s},
                   {"encode_s", cost.encode_s},
                   {"prepare_s", cost.prepare_s},
                   {"decode_s", cost.decode_s},
                   {"compute_s_per_step", cost.compute_s},
                   {"communication_s_per_step", cost.communication_s()},
                   {"bubble", cost.bubble},
                   {"split_price_s", planned.split_price_s()}};
  for (size_t level = 0; level < kNumLevels; ++level) {
    if (cost.bytes[level] == 0) continue;
    json["bytes_per_image"][std::string(to_string(static_cast<Level>(level)))] =
        cost.bytes[level] / static_cast<double>(planned.workload.batch);
  }
  json["memory_bytes"] = planned.memory.peak();
  json["device_bytes"] = planned.device_bytes;
  json["encoders"] = planned.memory.encoder_place == EncoderPlace::resident ? "resident" : "released";
  json["reason"] = planned.reason;
  return json;
}

std::string row(const PlannedMesh& planned, size_t number) {
  const auto images = static_cast<double>(planned.workload.batch);
  std::ostringstream out;
  std::string mesh = planned.mesh.to_string();
  if (planned.workload.patches > 1) mesh += cat(", patches ", planned.workload.patches);
  out << std::setw(4) << number << "  " << std::left << std::setw(36) << mesh << std::right << std::setw(6)
      << planned.workload.batch << std::setw(11) << fixed(planned.cost().step_s * kMilli, 1) << std::setw(10)
      << fixed(planned.image_s, 2) << std::setw(11)
      << fixed(planned.images_per_s, planned.images_per_s < 10 ? 3 : 1) << std::setw(10)
      << fixed(planned.device_s, 2) << std::setw(8) << percent(planned.cost().bubble) << std::setw(11)
      << human_bytes(planned.memory.peak()) << "\n      " << planned.reason
      << "\n      bytes an image: " << joined_bytes(planned.cost().bytes, images) << "\n";
  return out.str();
}

constexpr const char* kHead =
    "      mesh                                 batch  step (ms) image (s)  images/s device·s  bubble     "
    "memory\n";

}  // namespace

std::string reason_of(const PlannedMesh& planned, const PlanRequest& request) {
  if (planned.kinds.empty()) return {};
  const ReplicaCost& cost = planned.cost();
  const double ranks = planned.mesh.inner_size();
  std::string text;
  if (!planned.fits()) {
    return cat("needs ", human_bytes(planned.memory.peak()), ", the device has ",
               human_bytes(planned.device_bytes));
  }
  if (ranks == 1) {
    text = request.model.unet ? "a UNet has no numbered token blocks: every device makes its own pictures"
                              : "every device makes its own pictures: nothing is said between them";
    if (planned.workload.batch > 1) text += cat(", ", planned.workload.batch, " at once to fill it");
  } else {
    const double images = static_cast<double>(planned.workload.batch);
    const double alone_s = planned.one_device_step_s * images;
    const double ideal_s = alone_s / ranks;
    const double said_s = cost.communication_s();
    const bool is_queue = planned.mesh.degree(Axis::pipeline) > 1 && planned.workload.patches == 1;
    const double work_s =
        is_queue ? cost.compute_s / ranks * planned.mesh.degree(Axis::pipeline) : cost.compute_s;
    const double smaller_s = std::max(0.0, work_s - ideal_s);
    const double waiting_s = std::max(0.0, cost.step_s - cost.compute_s - said_s);
    text = cat(fixed(alone_s / cost.step_s, 1), "× the speed of one device for a picture");
    if (is_queue) {
      text = cat("each stage holds its own blocks and works on another picture; a picture is ",
                 fixed(alone_s / cost.step_s, 2), "× as fast as on one device");
    }
    const Axis axis = dearest_axis(cost);
    const AxisCost& dearest = planned.kinds.front().axes[static_cast<size_t>(axis)];
    constexpr double kAlmostNothing = 0.01;
    if (std::max({said_s, smaller_s, is_queue ? 0 : waiting_s}) < kAlmostNothing * cost.step_s) {
      text += "; almost nothing is lost";
    } else if (said_s >= std::max(smaller_s, is_queue ? 0 : waiting_s)) {
      text += cat("; most is lost to ", axis_name(axis), " over ", to_string(dearest.level), ", ",
                  ms(cost.axis_s[static_cast<size_t>(axis)]), " of a step's ", ms(cost.step_s));
    } else if (smaller_s >= waiting_s || is_queue) {
      text += cat("; most is lost to smaller pieces, ", ms(smaller_s), " of a step's ", ms(cost.step_s));
    } else {
      text += cat("; most is lost to stages that wait, ", percent(cost.bubble));
    }
  }
  if (planned.memory.encoder_place == EncoderPlace::released)
    text += "; text encoders only fit in turn with the transformer";
  if (planned.spares > 0) {
    text += cat("; ", counted(planned.spares, "spare"), " (worth ",
                fixed(planned.images_per_s / planned.mesh.size() * planned.spares, 3), " images/s)");
  }
  if (const double price_s = planned.split_price_s(); price_s > 0.5e-3)
    text += cat("; replicas that are split pay ", ms(price_s), " a step");
  return text;
}

std::string to_text(const MeshRanking& plan, const PlanRequest& request, const Cluster& cluster,
                    size_t most) {
  const Workload& work = request.workload;
  std::string text = cat(request.model.name, ", ", work.height, "×", work.width, ", ",
                         counted(work.steps, "step"), work.branches > 1 ? ", true CFG" : "", " on ",
                         cluster.name, ", ", counted(static_cast<int64_t>(request.devices.size()), "device"),
                         "; by ", request.objective == Objective::throughput ? "throughput" : "latency",
                         "; as '", request.implementation.name, "' computes\n\n");
  const auto list = [&](const std::vector<PlannedMesh>& meshes) {
    text += kHead;
    for (size_t i = 0; i < std::min(most, meshes.size()); ++i) text += row(meshes[i], i + 1);
    if (meshes.size() > most)
      text += cat("      and ", meshes.size() - most, " more: --top ", meshes.size(), " shows all\n");
  };
  if (plan.ranked.empty()) {
    text += "No mesh fits the devices' memory.\n";
  } else {
    list(plan.ranked);
  }
  if (!plan.approximate.empty()) {
    text += "\nApproximate, never chosen unasked: PipeFusion (--patches), whose pictures are other ones\n";
    list(plan.approximate);
  }
  if (!plan.too_large.empty()) {
    text += cat("\n", plan.too_large.size(), plan.too_large.size() > 1 ? " meshes do" : " mesh does",
                " not fit; ", plan.too_large.front().mesh.to_string(),
                " needs least: ", to_text(plan.too_large.front().memory), "; a device has ",
                human_bytes(plan.too_large.front().device_bytes), "\n");
  }
  return text;
}

OrderedJson to_json(const MeshRanking& plan, const PlanRequest& request, const Cluster& cluster) {
  OrderedJson json{{"model", request.model.name},
                   {"cluster", cluster.name},
                   {"devices", request.devices.size()},
                   {"height", request.workload.height},
                   {"width", request.workload.width},
                   {"steps", request.workload.steps},
                   {"objective", request.objective == Objective::throughput ? "throughput" : "latency"},
                   {"implementation", request.implementation.name},
                   {"one_device_step_s", plan.one_device_step_s}};
  const auto list = [&](const char* name, const std::vector<PlannedMesh>& meshes) {
    json[name] = OrderedJson::array();
    for (const PlannedMesh& each : meshes) json[name].push_back(to_json(each));
  };
  list("ranked", plan.ranked);
  list("approximate", plan.approximate);
  list("too_large", plan.too_large);
  return json;
}

std::string placement_picture(const Placement& placement, const Mesh& mesh, const Cluster& cluster) {
  constexpr size_t kMostNodes = 16;
  std::map<int, std::map<int, std::string>> nodes;  // node, device: what stands there
  size_t width = 5;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const PerAxis coordinate = mesh.coordinate(rank);
    std::vector<std::string> parts;
    for (auto axis = kAxes.rbegin(); axis != kAxes.rend(); ++axis) {
      if (mesh.degree(*axis) > 1) parts.push_back(cat(axis_name(*axis).front(), coordinate[*axis]));
    }
    const DeviceId id = placement.devices[static_cast<size_t>(rank)];
    std::string& cell = nodes[id.node][id.device];
    cell = parts.empty() ? "d0" : join(parts, " ");
    width = std::max(width, cell.size());
  }
  for (const DeviceId& id : placement.spares) nodes[id.node][id.device] = "spare";
  const auto padded = [](std::string text, size_t size) {
    text.resize(std::max(size, text.size()), ' ');
    return text;
  };
  size_t name_width = 0;
  for (const auto& [node, unused] : nodes)
    name_width = std::max(name_width, cluster.nodes[static_cast<size_t>(node)].name.size());
  std::string text;
  size_t shown = 0;
  for (const auto& [node, devices] : nodes) {
    if (shown++ == kMostNodes) {
      text += cat("  and ", nodes.size() - kMostNodes, " more nodes\n");
      break;
    }
    const Node& at = cluster.nodes[static_cast<size_t>(node)];
    text += "  " + padded(at.name, name_width) + " ";
    for (const auto& [device, cell] : devices)
      text += cat(
          " | ",
          padded(cat(cluster.type_of(at).devices[static_cast<size_t>(device)].name, ": ", cell), width + 6));
    text += "\n";
  }
  std::vector<std::string> letters;
  for (auto axis = kAxes.rbegin(); axis != kAxes.rend(); ++axis) {
    if (mesh.degree(*axis) > 1) letters.push_back(cat(axis_name(*axis).front(), " ", axis_name(*axis)));
  }
  if (!letters.empty()) text += cat("  (", join(letters, ", "), ")\n");
  return text;
}

std::string explain(const PlannedMesh& planned) {
  const ReplicaCost& cost = planned.cost();
  std::string text =
      cat(planned.mesh.to_string(), ", batch ", planned.workload.batch, ": ", planned.reason, "\n\n");
  const auto line = [&](const std::string& name, const std::string& value) {
    std::string padded = name;
    padded.resize(std::max<size_t>(name.size() + 1, 34), ' ');
    text += cat("  ", padded, value, "\n");
  };
  line("one device, one picture, a step", ms(planned.one_device_step_s));
  line(cat(inner_name(planned.mesh), ", a step"), ms(cost.step_s));
  line("  computing, the busiest rank", ms(cost.compute_s));
  for (const Axis axis : kAxes) {
    const double seconds = cost.axis_s[static_cast<size_t>(axis)];
    if (seconds == 0) continue;
    const AxisCost& each = planned.kinds.front().axes[static_cast<size_t>(axis)];
    line(cat("  ", axis_name(axis), " over ", to_string(each.level)),
         cat(ms(seconds), " (a call ", fixed(each.seconds(Pattern::exchange, 0, 2) * 1e6, 0), " µs, ",
             fixed(1 / std::max(each.next_s_per_byte, 1e-30) / 1e9, 1), " GB/s to the next)"));
  }
  if (cost.hidden_s > 0) line("  of these beside attention", cat("−", ms(cost.hidden_s)));
  if (cost.bubble > 0) line("  waiting for other stages", percent(cost.bubble));
  if (planned.stages.size() > 1) line("stages", to_string(planned.stages));
  line("encoding the prompts", ms(cost.encode_s));
  line("preparing", ms(cost.prepare_s));
  line("decoding", ms(cost.decode_s));
  line("a batch, prompt to picture", cat(fixed(cost.latency_s, 2), " s"));
  line("from batch to batch", cat(fixed(cost.period_s, 2), " s"));
  line("bytes an image", joined_bytes(cost.bytes, static_cast<double>(planned.workload.batch)));
  line("memory of a rank", to_text(planned.memory));
  line("a device has", human_bytes(planned.device_bytes));
  for (const ReplicaKind& kind : planned.kinds) {
    line(cat(counted(kind.count, "replica"), " on ", kind.device_model),
         cat(kind.level == Level::self ? std::string() : cat("farthest over ", to_string(kind.level), ", "),
             ms(kind.cost.step_s), " a step"));
  }
  return text;
}

}  // namespace ditmesh

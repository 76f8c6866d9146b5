#include "ditmesh/schedule/operation.hpp"

#include <array>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr std::array<std::string_view, 8> kKinds = {"embed",      "blocks", "send",      "receive",
                                                    "collective", "head",   "scheduler", "decode"};
constexpr std::array<std::string_view, 3> kPayloads = {"rows", "latents", "prediction"};

std::string place_of(const Operation& operation) {
  std::string text;
  if (operation.batch > 0) text += cat("batch ", operation.batch, " ");
  text += cat("step ", operation.step);
  if (operation.patch != kAllPatches) text += cat(" patch ", operation.patch);
  if (operation.branch > 0) text += cat(" branch ", operation.branch);
  return text;
}

std::string text_of(const Collective& verb) {
  std::string text = cat(axis_name(verb.axis), " ", to_string(verb.pattern), " of ", verb.bytes, " B");
  if (verb.calls > 1) text += cat(" × ", verb.calls);
  if (verb.overlapped) text += " overlapped";
  return text;
}

// Which of the tokens are here, if not all of them are.
std::string held_of(const Operation& operation) {
  if (operation.text.size() + operation.image.size() == operation.tokens.size()) return {};
  std::vector<Range> held;
  for (const Range& run : {operation.text, operation.image}) {
    if (run.size() > 0) held.push_back(run);
  }
  return held.empty() ? "" : cat(" (here ", join(held, " "), ")");
}

}  // namespace

std::string_view to_string(OperationKind kind) { return kKinds[static_cast<size_t>(kind)]; }
std::string_view to_string(Payload payload) { return kPayloads[static_cast<size_t>(payload)]; }

std::string to_string(const Operation& operation) {
  std::string text = cat(place_of(operation), ": ", to_string(operation.kind));
  switch (operation.kind) {
    case OperationKind::blocks:
      text += cat(" ", operation.blocks, operation.block_kind == BlockKind::joint ? " joint" : " single");
      break;
    case OperationKind::send:
    case OperationKind::receive:
    case OperationKind::collective:
      text += cat(" ", to_string(operation.payload));
      break;
    default:
      break;
  }
  if (operation.tokens.size() > 0) text += cat(" on ", operation.tokens, held_of(operation));
  if (operation.kind == OperationKind::send) text += cat(" to ", operation.peer, ", ", operation.bytes, " B");
  if (operation.kind == OperationKind::receive) {
    text += cat(" from ", operation.peer, ", ", operation.bytes, " B");
  }
  std::vector<std::string> reads;
  for (const CacheRead& read : operation.reads) reads.push_back(cat(read.tokens, " of step ", read.step));
  if (!reads.empty()) text += cat(", reads ", join(reads, ", "));
  std::vector<std::string> verbs;
  for (const Collective& verb : operation.collectives) verbs.push_back(text_of(verb));
  if (!verbs.empty()) text += cat("; ", join(verbs, ", "));
  return text;
}

std::string to_string(const Program& program) {
  std::string text;
  for (const Operation& operation : program) text += to_string(operation) + "\n";
  return text;
}

std::ostream& operator<<(std::ostream& out, const Operation& operation) {
  return out << to_string(operation);
}

}  // namespace ditmesh

#include "program_checker.hpp"

#include <array>
#include <stdexcept>

#include "ditmesh/base/text.hpp"
#include "step_map.hpp"

namespace ditmesh::testing {

namespace {

struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Rows, and how far they are.
struct Rows {
  bool is_there = false;
  int batch = 0;
  int step = 0;
  int patch = 0;
  int branch = 0;
  Range text{};
  Range image{};
  int64_t next_block = 0;
};

struct Prediction {
  int batch = -1;
  int step = -1;
  Range image{};
  unsigned branches = 0;  // a bit each
};

struct Machine {
  size_t next = 0;  // operation
  size_t verb = 0;  // of its collectives
  int num_decoded = 0;
  bool is_waiting = false;
  Rows rows{};
  Prediction prediction{};
  std::vector<StepMap> latents{};               // of each batch
  std::vector<std::array<StepMap, 4>> cache{};  // of each batch, by branch and kind of block
};

class Checker {
 public:
  Checker(const Schedule& schedule, const std::vector<Program>& programs)
      : schedule_(schedule), mesh_(schedule.mesh), programs_(programs) {
    image_ = {schedule.num_text(), schedule.num_text() + schedule.num_image()};
    const auto batches = static_cast<size_t>(schedule.batches);
    Machine fresh;
    fresh.latents.assign(batches, StepMap(image_, 0));
    const StepMap nothing({0, image_.end}, StepMap::kNothing);
    fresh.cache.assign(batches, {nothing, nothing, nothing, nothing});
    machines_.assign(programs.size(), fresh);
    arrived_.resize(programs.size());
  }

  void run() {
    for (size_t rank = 0; rank < programs_.size(); ++rank) ready_.push_back(rank);
    while (!ready_.empty()) {
      const size_t rank = ready_.back();
      ready_.pop_back();
      while (!is_done(rank) && advance(rank)) {
      }
    }
    for (size_t rank = 0; rank < programs_.size(); ++rank) {
      if (!is_done(rank)) fail(rank, "waits for ever");
      require(machines_[rank].num_decoded == schedule_.batches, rank, "has not decoded all batches");
    }
  }

 private:
  bool is_done(size_t rank) const { return machines_[rank].next == programs_[rank].size(); }
  const Operation& current(size_t rank) const { return programs_[rank][machines_[rank].next]; }

  [[noreturn]] void fail(size_t rank, const std::string& what) const {
    throw Fault(cat("rank ", rank, " ", what, " in ", is_done(rank) ? "the end" : to_string(current(rank))));
  }
  void require(bool holds, size_t rank, const char* what) const {
    if (!holds) fail(rank, what);
  }

  // Whether it went on; otherwise it waits.
  bool advance(size_t rank) {
    const Operation& operation = current(rank);
    switch (operation.kind) {
      case OperationKind::send:
      case OperationKind::receive:
        return meet(rank);
      case OperationKind::collective:
        require(operation.collectives.size() == 1, rank, "has not one verb");
        return join_verb(rank);
      case OperationKind::blocks:
        if (machines_[rank].verb < operation.collectives.size()) return join_verb(rank);
        blocks(rank);
        break;
      case OperationKind::embed:
        embed(rank);
        break;
      case OperationKind::head:
        head(rank);
        break;
      case OperationKind::scheduler:
        scheduler(rank);
        break;
      case OperationKind::decode:
        require(latents(rank).all(image_, schedule_.workload.steps), rank, "has no finished latents");
        ++machines_[rank].num_decoded;
        break;
    }
    go_on(rank);
    return true;
  }

  void go_on(size_t rank) {
    Machine& machine = machines_[rank];
    ++machine.next;
    machine.verb = 0;
    machine.is_waiting = false;
  }

  StepMap& latents(size_t rank) {
    return machines_[rank].latents.at(static_cast<size_t>(current(rank).batch));
  }

  bool has_rows(size_t rank) const {
    const Rows& rows = machines_[rank].rows;
    const Operation& operation = current(rank);
    return rows.is_there && rows.batch == operation.batch && rows.step == operation.step &&
           rows.patch == operation.patch && rows.branch == operation.branch && rows.image == operation.image;
  }

  bool meet(size_t rank) {
    const Operation& own = current(rank);
    const auto peer = static_cast<size_t>(own.peer);
    require(own.peer >= 0 && peer < programs_.size() && peer != rank, rank, "has no such peer");
    machines_[rank].is_waiting = true;
    if (is_done(peer) || !machines_[peer].is_waiting) return false;
    const Operation& theirs = current(peer);
    const bool is_send = own.kind == OperationKind::send;
    if (theirs.kind != (is_send ? OperationKind::receive : OperationKind::send)) return false;
    if (theirs.peer != static_cast<int>(rank)) return false;
    Operation as_sent = theirs;
    as_sent.kind = own.kind;
    as_sent.peer = own.peer;
    if (as_sent != own) fail(rank, cat("meets ", to_string(theirs)));
    transfer(is_send ? rank : peer, is_send ? peer : rank);
    go_on(rank);
    go_on(peer);
    ready_.push_back(peer);
    return true;
  }

  void transfer(size_t from, size_t to) {
    const Operation& operation = current(from);
    if (operation.payload == Payload::latents) {
      require(latents(from).all(operation.image, operation.step), from, "has no such latents");
      latents(to).set(operation.image, operation.step);
      return;
    }
    require(operation.payload == Payload::rows && has_rows(from), from, "has no such rows");
    require(!machines_[to].rows.is_there, to, "has not sent on what it had");
    machines_[to].rows = std::exchange(machines_[from].rows, {});
  }

  bool join_verb(size_t rank) {
    Machine& machine = machines_[rank];
    const Collective& verb = current(rank).collectives[machine.verb];
    const std::vector<int> group = mesh_.group(static_cast<int>(rank), verb.axis);
    require(group.size() > 1, rank, "speaks with itself");
    size_t& arrived = arrived_[static_cast<size_t>(group.front())][static_cast<size_t>(verb.axis)];
    machine.is_waiting = true;
    if (++arrived < group.size()) return false;
    arrived = 0;
    for (const int member : group) check_same_verb(rank, static_cast<size_t>(member), verb);
    const bool is_alone = current(rank).kind == OperationKind::collective;
    if (is_alone) combine(rank, verb, group);
    for (const int member : group) {
      const auto other = static_cast<size_t>(member);
      machines_[other].is_waiting = false;
      if (is_alone) {
        go_on(other);
      } else {
        ++machines_[other].verb;
      }
      if (other != rank) ready_.push_back(other);
    }
    return true;
  }

  // What the ranks of a verb know when it is over.
  void combine(size_t rank, const Collective& verb, const std::vector<int>& group) {
    if (current(rank).payload == Payload::prediction) {
      unsigned branches = 0;
      for (const int member : group) branches |= machines_[static_cast<size_t>(member)].prediction.branches;
      for (const int member : group) machines_[static_cast<size_t>(member)].prediction.branches = branches;
      return;
    }
    StepMap known = latents(static_cast<size_t>(group.back()));
    if (verb.pattern != Pattern::broadcast) {  // that tells nothing but what its root has
      for (const int member : group) known.merge(latents(static_cast<size_t>(member)));
    }
    for (const int member : group) latents(static_cast<size_t>(member)).merge(known);
  }

  void check_same_verb(size_t rank, size_t other, const Collective& verb) const {
    require(!is_done(other) && machines_[other].is_waiting, rank, "is alone in a verb");
    const Operation& a = current(rank);
    const Operation& b = current(other);
    const bool is_same_operation = a.kind == b.kind && a.batch == b.batch && a.step == b.step &&
                                   a.patch == b.patch && a.blocks == b.blocks && a.tokens == b.tokens &&
                                   a.payload == b.payload;
    if (!is_same_operation || machines_[other].verb >= b.collectives.size()) {
      fail(rank, cat("is in a verb with ", to_string(b)));
    }
    const Collective& theirs = b.collectives[machines_[other].verb];
    if (theirs.axis != verb.axis || theirs.pattern != verb.pattern || theirs.calls != verb.calls ||
        theirs.overlapped != verb.overlapped) {
      fail(rank, cat("is in another verb than in ", to_string(b)));
    }
    if (a.kind == OperationKind::collective && a.payload == Payload::prediction) {
      const Prediction& own = machines_[rank].prediction;
      const Prediction& their = machines_[other].prediction;
      require(own.batch == their.batch && own.step == their.step && own.image == their.image, rank,
              "combines predictions of other tokens");
    }
  }

  void embed(size_t rank) {
    const Operation& operation = current(rank);
    require(mesh_.coordinate(static_cast<int>(rank))[Axis::pipeline] == 0, rank, "is not the first stage");
    require(!machines_[rank].rows.is_there, rank, "has not sent on what it had");
    require(latents(rank).all(operation.image, operation.step), rank, "has no latents of this step");
    machines_[rank].rows = {true,
                            operation.batch,
                            operation.step,
                            operation.patch,
                            operation.branch,
                            operation.text,
                            operation.image,
                            0};
  }

  void blocks(size_t rank) {
    const Operation& operation = current(rank);
    Rows& rows = machines_[rank].rows;
    require(has_rows(rank) && rows.text == operation.text, rank, "has no such rows");
    require(rows.next_block == operation.blocks.begin, rank, "is not at this block");
    require(operation.blocks.size() > 0 && operation.blocks.end <= schedule_.model.num_blocks(), rank,
            "has no such blocks");
    for (int64_t block = operation.blocks.begin; block < operation.blocks.end; ++block) {
      require(schedule_.model.kind_of(static_cast<int>(block)) == operation.block_kind, rank,
              "has another kind of block");
    }
    rows.next_block = operation.blocks.end;
    StepMap& cache = machines_[rank].cache.at(static_cast<size_t>(
        operation.batch))[static_cast<size_t>(2 * operation.branch + static_cast<int>(operation.block_kind))];
    require(!cache.any_from(operation.tokens, operation.step), rank, "writes keys and values twice");
    cache.set(operation.tokens, operation.step);
    check_reads(rank, cache);
  }

  // Said anew, not asked of the generators: a patch reads itself and all before it fresh, the rest stale.
  void check_reads(size_t rank, const StepMap& cache) const {
    const Operation& operation = current(rank);
    const bool is_whole = schedule_.workload.patches == 1 || operation.step < schedule_.workload.warmup_steps;
    require(is_whole == (operation.patch == kAllPatches), rank, "has the wrong kind of patch");
    const int64_t fresh_until = is_whole ? image_.end : operation.tokens.end;
    int64_t next = 0;
    for (const CacheRead& read : operation.reads) {
      require(read.tokens.begin == next && read.tokens.size() > 0, rank, "does not read all tokens once");
      next = read.tokens.end;
      const bool is_fresh = read.tokens.end <= fresh_until;
      require(is_fresh || read.tokens.begin >= fresh_until, rank, "mixes steps");
      require(read.step == operation.step - (is_fresh ? 0 : 1), rank, "reads another step than it must");
      require(cache.all(read.tokens, read.step), rank, "reads what is not in the cache");
    }
    require(next == image_.end, rank, "does not read all tokens once");
  }

  void head(size_t rank) {
    const Operation& operation = current(rank);
    Machine& machine = machines_[rank];
    require(has_rows(rank), rank, "has no such rows");
    require(machine.rows.next_block == schedule_.model.num_blocks(), rank, "has blocks left");
    machine.rows = {};
    Prediction& known = machine.prediction;
    if (known.batch != operation.batch || known.step != operation.step || !(known.image == operation.image)) {
      require(known.branches == 0, rank, "forgets a prediction");
      known = {operation.batch, operation.step, operation.image, 0};
    }
    known.branches |= 1U << static_cast<unsigned>(operation.branch);
  }

  void scheduler(size_t rank) {
    const Operation& operation = current(rank);
    Prediction& known = machines_[rank].prediction;
    const unsigned all = schedule_.workload.branches == 2 ? 3 : 1;
    require(known.batch == operation.batch && known.step == operation.step &&
                known.image == operation.image && known.branches == all,
            rank, "has no such prediction");
    known = {};
    require(latents(rank).all(operation.image, operation.step), rank, "has no latents of this step");
    latents(rank).set(operation.image, operation.step + 1);
  }

  const Schedule& schedule_;
  const Mesh& mesh_;
  const std::vector<Program>& programs_;
  Range image_{};
  std::vector<Machine> machines_;
  std::vector<std::array<size_t, kAxes.size()>> arrived_;  // by first rank of the group
  std::vector<size_t> ready_;
};

// The shards of every operation on tokens, in the order of their ranks, are its tokens: text, then image.
void check_shards(const Schedule& schedule, const std::vector<Program>& programs) {
  const auto shards = static_cast<size_t>(schedule.shards());
  for (size_t first = 0; first < programs.size(); first += shards) {
    for (size_t i = 0; i < programs[first].size(); ++i) {
      const Operation& operation = programs[first][i];
      if (operation.kind == OperationKind::decode) continue;
      if (operation.kind == OperationKind::collective && operation.payload == Payload::latents) continue;
      const int64_t num_text = schedule.num_text();
      const bool has_text = operation.tokens.begin < num_text;
      int64_t next_text = 0;
      int64_t next_image = has_text ? num_text : operation.tokens.begin;
      for (size_t rank = first; rank < first + shards; ++rank) {
        if (i >= programs[rank].size()) throw Fault(cat("rank ", rank, " ends early"));
        const Operation& shard = programs[rank][i];
        if (shard.kind != operation.kind || !(shard.tokens == operation.tokens)) {
          throw Fault(cat("rank ", rank, " does another thing than rank ", first, ": ", to_string(shard)));
        }
        const bool text_fits = has_text ? shard.text.begin == next_text : shard.text.size() == 0;
        if (!text_fits || shard.image.begin != next_image || shard.image.size() < 2) {
          throw Fault(cat("rank ", rank, " holds other tokens than it must: ", to_string(shard)));
        }
        next_text = shard.text.end;
        next_image = shard.image.end;
      }
      if (next_image != operation.tokens.end || (has_text && next_text != num_text)) {
        throw Fault(cat("tokens are missing: ", to_string(operation)));
      }
    }
  }
}

}  // namespace

std::optional<std::string> find_fault(const Schedule& schedule, const std::vector<Program>& programs) {
  try {
    Checker(schedule, programs).run();
    check_shards(schedule, programs);
  } catch (const Fault& fault) {
    return fault.what();
  }
  return std::nullopt;
}

std::vector<Program> programs_of(const Schedule& schedule) {
  std::vector<Program> programs;
  for (int rank = 0; rank < schedule.mesh.size(); ++rank) programs.push_back(program_of(schedule, rank));
  return programs;
}

}  // namespace ditmesh::testing

// T5's Unigram, as the `tokenizers` library runs it for transformers' T5Tokenizer.
//
// libsentencepiece gives other ids: it normalises differently, collapses blanks,
// adds scores in single precision (words like "aaaa" then have ties that fall the
// other way) and never matches control pieces. So the search is written here.

#include <algorithm>
#include <map>
#include <unordered_map>

#include "added_tokens.hpp"
#include "charsmap.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "ditmesh/model/tokenizer.hpp"
#include "unigram_model.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr char32_t kWordMark = U'\u2581';  // ▁
constexpr double kUnknownPenalty = 10;

std::string sentinel(int64_t index) { return cat("<extra_id_", index, ">"); }

class T5Tokenizer final : public Tokenizer {
 public:
  explicit T5Tokenizer(const fs::path& folder) {
    UnigramModel model;
    std::string source;
    if (fs::exists(folder / "tokenizer.json")) {
      source = (folder / "tokenizer.json").string();
      model = read_unigram_json(source);
    } else if (fs::exists(folder / "spiece.model")) {
      source = (folder / "spiece.model").string();
      model = read_spiece_model(source);
      append_sentinels(folder, model);
    } else {
      throw ConfigError(cat(folder.string(), " has neither tokenizer.json nor spiece.model"),
                        "the T5 tokenizer is missing, fetch the model again");
    }
    charsmap_ = Charsmap(model.charsmap, source);
    unknown_id_ = model.unknown_id;
    std::map<std::string, int64_t> vocab;
    std::vector<std::string> special = {"<pad>", "</s>", "<unk>"};
    lowest_score_ = model.pieces.front().score;
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      const UnigramPiece& piece = model.pieces[id];
      const std::u32string text = decode_utf8(piece.text);
      vocab.emplace(piece.text, static_cast<int64_t>(id));
      pieces_[text] = {static_cast<int64_t>(id), piece.score};
      longest_ = std::max(longest_, text.size());
      lowest_score_ = std::min(lowest_score_, piece.score);
      if (piece.special || piece.text.starts_with("<extra_id_")) special.push_back(piece.text);
    }
    end_ = id(vocab, "</s>", source);
    padding_ = id(vocab, "<pad>", source);
    added_ = AddedTokens(folder, special, vocab);
  }

  TokenIds encode(std::string_view text, int64_t length) const override {
    TokenIds tokens;
    std::vector<int64_t>& ids = tokens.ids;
    for (const TextOrToken& raw : added_.split(text, false)) {
      if (raw.id) {
        ids.push_back(*raw.id);
        continue;
      }
      for (const TextOrToken& part : added_.split(charsmap_.normalize(raw.text), true)) {
        if (part.id) {
          ids.push_back(*part.id);
        } else {
          encode_words(decode_utf8(part.text), ids);
        }
      }
    }
    const auto room = static_cast<size_t>(length - 1);
    tokens.truncated = ids.size() > room;
    if (tokens.truncated) ids.resize(room);
    ids.push_back(end_);
    ids.resize(static_cast<size_t>(length), padding_);
    return tokens;
  }

 private:
  struct Piece {
    int64_t id;
    double score;
  };

  // spiece.model does not have T5's sentinels: they follow it, the highest number first.
  static void append_sentinels(const fs::path& folder, UnigramModel& model) {
    int64_t count = 100;
    if (fs::exists(folder / "tokenizer_config.json")) {
      count = JsonObject::read(folder / "tokenizer_config.json").get_or<int64_t>("extra_ids", count);
    }
    for (int64_t index = count - 1; index >= 0; --index) model.pieces.push_back({sentinel(index), 0.0, true});
  }

  static int64_t id(const std::map<std::string, int64_t>& vocab, const std::string& token,
                    const std::string& source) {
    const auto found = vocab.find(token);
    if (found == vocab.end()) {
      throw ConfigError(cat(source, ": the vocabulary lacks the token ", token), "fetch the model again");
    }
    return found->second;
  }

  // Words end at white space and begin with the mark; a mark inside begins another.
  void encode_words(std::u32string_view text, std::vector<int64_t>& ids) const {
    std::u32string word;
    const auto flush = [&] {
      if (!word.empty()) search(word, ids);
      word.clear();
    };
    bool inside = false;
    for (const char32_t c : text) {
      if (is_white_space(c)) {
        flush();
        inside = false;
        continue;
      }
      if (c == kWordMark) {
        flush();
      } else if (!inside) {
        word.push_back(kWordMark);
      }
      word.push_back(c);
      inside = true;
    }
    flush();
  }

  // The cut into pieces with the highest sum of scores (Viterbi). Neighbouring
  // unknowns become one. Source: Kudo, Subword Regularization (arXiv 1804.10959).
  void search(const std::u32string& word, std::vector<int64_t>& ids) const {
    struct Best {
      double score = 0;
      size_t begin = 0;
      int64_t id = -1;  // of the piece that ends here; none yet
    };
    std::vector<Best> best(word.size() + 1);
    for (size_t begin = 0; begin < word.size(); ++begin) {
      const auto offer = [&](size_t length, const Piece& piece) {
        Best& end = best[begin + length];
        const double score = best[begin].score + piece.score;
        if (end.id < 0 || score > end.score) end = {score, begin, piece.id};
      };
      bool single = false;
      for (size_t length = 1; length <= std::min(longest_, word.size() - begin); ++length) {
        const auto found = pieces_.find(word.substr(begin, length));
        if (found == pieces_.end()) continue;
        offer(length, found->second);
        single = single || length == 1;
      }
      if (!single) offer(1, {unknown_id_, lowest_score_ - kUnknownPenalty});
    }
    std::vector<int64_t> backwards;
    for (size_t end = word.size(); end > 0; end = best[end].begin) {
      const int64_t id = best[end].id;
      if (id == unknown_id_ && !backwards.empty() && backwards.back() == unknown_id_) continue;
      backwards.push_back(id);
    }
    ids.insert(ids.end(), backwards.rbegin(), backwards.rend());
  }

  Charsmap charsmap_;
  std::unordered_map<std::u32string, Piece> pieces_;
  size_t longest_ = 1;
  double lowest_score_ = 0;
  AddedTokens added_;
  int64_t unknown_id_ = 2;
  int64_t end_ = 1;
  int64_t padding_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> load_t5_tokenizer(const fs::path& folder) {
  return std::make_unique<T5Tokenizer>(folder);
}

}  // namespace ditmesh

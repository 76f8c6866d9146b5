// CLIP's byte-level BPE, as the `tokenizers` library runs it for transformers' CLIPTokenizer:
// NFC, white space to one blank, lower case; cut into words by a regular
// expression; the words' bytes merged by rank, the last one marked with </w>.

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "added_tokens.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "ditmesh/model/tokenizer.hpp"
#include "tokenizer_unicode.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr const char* kBegin = "<|startoftext|>";
constexpr const char* kEnd = "<|endoftext|>";

// GPT-2's printable symbol of each byte: itself where it prints, else U+0100 and up.
std::array<std::string, 256> byte_symbols() {
  std::array<std::string, 256> symbols;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    append_utf8(symbols[byte], prints ? static_cast<char32_t>(byte) : next++);
  }
  return symbols;
}

enum class CharacterClass { space, letter, number, other };

CharacterClass class_of(char32_t c) {
  if (is_white_space(c)) return CharacterClass::space;
  if (tokenizer_letter(c)) return CharacterClass::letter;
  if (tokenizer_number(c)) return CharacterClass::number;
  return CharacterClass::other;
}

// Length of 's 't 're 've 'm 'll 'd at the start of `text`, or 0.
size_t contraction(std::u32string_view text) {
  for (const std::u32string_view form : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}) {
    if (text.starts_with(form)) return form.size();
  }
  return 0;
}

// A special token that the text spells out is one word, but not the token: it is
// cut once more, into its letters and what stands around them.
size_t spelled_token(std::u32string_view text) {
  for (const std::u32string_view form : {U"<|startoftext|>", U"<|endoftext|>"}) {
    if (text.starts_with(form)) return form.size();
  }
  return 0;
}

// Runs of one class; numbers stand alone.
size_t run_length(std::u32string_view text) {
  const CharacterClass first = class_of(text[0]);
  if (first == CharacterClass::number) return 1;
  size_t length = 1;
  while (length < text.size() && class_of(text[length]) == first) ++length;
  return length;
}

std::vector<std::u32string> cut_words(std::u32string_view text) {
  std::vector<std::u32string> words;
  while (!text.empty()) {
    if (class_of(text[0]) == CharacterClass::space) {
      text.remove_prefix(1);
      continue;
    }
    if (const size_t length = spelled_token(text)) {
      for (std::u32string_view token = text.substr(0, length); !token.empty();) {
        const size_t part = run_length(token);
        words.emplace_back(token.substr(0, part));
        token.remove_prefix(part);
      }
      text.remove_prefix(length);
      continue;
    }
    size_t length = contraction(text);
    if (length == 0) length = run_length(text);
    words.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

class ClipTokenizer final : public Tokenizer {
 public:
  explicit ClipTokenizer(const fs::path& folder) : symbols_(byte_symbols()) {
    if (fs::exists(folder / "tokenizer.json")) {
      read_tokenizer_json(folder / "tokenizer.json");
    } else if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
      read_vocab_and_merges(folder);
    } else {
      throw ConfigError(cat(folder.string(), " has neither tokenizer.json nor vocab.json and merges.txt"),
                        "the CLIP tokenizer is missing, fetch the model again");
    }
    begin_ = id(kBegin, folder);
    end_ = id(kEnd, folder);
    padding_ = end_;
    if (fs::exists(folder / "tokenizer_config.json")) {
      const Json config = read_json_file(folder / "tokenizer_config.json");
      const Json pad = config.value("pad_token", Json());
      if (pad.is_string()) padding_ = id(pad.get<std::string>(), folder);
      if (pad.is_object()) padding_ = id(pad.value("content", std::string(kEnd)), folder);
    }
    added_ = AddedTokens(folder, {kBegin, kEnd}, vocab_);
  }

  TokenIds encode(std::string_view text, int64_t length) const override {
    std::vector<int64_t> ids;
    for (const TextOrToken& raw : added_.split(text, false)) {
      if (raw.id) {
        ids.push_back(*raw.id);
        continue;
      }
      for (const TextOrToken& part : added_.split(normalize(raw.text), true)) {
        if (part.id) {
          ids.push_back(*part.id);
        } else {
          for (const std::u32string& word : cut_words(decode_utf8(part.text))) merge(encode_utf8(word), ids);
        }
      }
    }
    TokenIds tokens;
    const auto room = static_cast<size_t>(length - 2);
    tokens.truncated = ids.size() > room;
    if (tokens.truncated) ids.resize(room);
    tokens.ids.push_back(begin_);
    tokens.ids.insert(tokens.ids.end(), ids.begin(), ids.end());
    tokens.ids.push_back(end_);
    tokens.ids.resize(static_cast<size_t>(length), padding_);
    return tokens;
  }

 private:
  void read_tokenizer_json(const fs::path& path) {
    const JsonObject file = JsonObject::read(path);
    const JsonObject model(file.at("model"), path.string() + ": model");
    vocab_ = model.get<std::map<std::string, int64_t>>("vocab");
    for (const Json& merge : model.at("merges")) {
      // "a b" in older files, ["a", "b"] in newer ones.
      if (merge.is_array() && merge.size() == 2) {
        add_merge(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else if (merge.is_string()) {
        add_merge(merge.get<std::string>(), path);
      } else {
        throw ConfigError(cat(path.string(), ": model.merges has the entry ", merge.dump()),
                          "fetch the model again");
      }
    }
  }

  void read_vocab_and_merges(const fs::path& folder) {
    const fs::path vocab = folder / "vocab.json";
    const Json json = read_json_file(vocab);
    try {
      vocab_ = json.get<std::map<std::string, int64_t>>();
    } catch (const Json::exception&) {
      throw ConfigError(cat(vocab.string(), " must be an object of symbols and ids"),
                        "fetch the model again");
    }
    const fs::path merges = folder / "merges.txt";
    for (const std::string& line : split(read_file(merges), '\n')) {
      const std::string_view entry = trim(line);
      if (!entry.empty() && !entry.starts_with("#version")) add_merge(std::string(entry), merges);
    }
  }

  void add_merge(const std::string& entry, const fs::path& path) {
    const size_t blank = entry.find(' ');
    if (blank == std::string::npos || entry.find(' ', blank + 1) != std::string::npos) {
      throw ConfigError(
          cat(path.string(), ": a merge must be two symbols with a blank between, found '", entry, "'"),
          "fetch the model again");
    }
    add_merge(entry.substr(0, blank), entry.substr(blank + 1));
  }
  void add_merge(const std::string& left, const std::string& right) {
    ranks_.emplace(std::pair(left, right), static_cast<int64_t>(ranks_.size()));
  }

  int64_t id(const std::string& token, const fs::path& folder) const {
    const auto found = vocab_.find(token);
    if (found == vocab_.end()) {
      throw ConfigError(cat(folder.string(), ": the vocabulary lacks the token ", token),
                        "fetch the model again");
    }
    return found->second;
  }

  static std::string normalize(std::string_view text) {
    std::u32string folded;
    for (const char32_t c : decode_utf8(tokenizer_nfc(text))) {
      if (!is_white_space(c)) {
        folded.push_back(c);
      } else if (folded.empty() || folded.back() != U' ') {
        folded.push_back(U' ');
      }
    }
    return encode_utf8(tokenizer_lower(folded));
  }

  // Merges neighbours, the lowest rank first, the leftmost among equals.
  void merge(const std::string& word, std::vector<int64_t>& ids) const {
    std::vector<std::string> pieces;
    for (const char byte : word) pieces.push_back(symbols_[static_cast<unsigned char>(byte)]);
    pieces.back() += "</w>";
    while (pieces.size() > 1) {
      int64_t best_rank = std::numeric_limits<int64_t>::max();
      size_t best = 0;
      for (size_t i = 0; i + 1 < pieces.size(); ++i) {
        const auto rank = ranks_.find({pieces[i], pieces[i + 1]});
        if (rank != ranks_.end() && rank->second < best_rank) {
          best_rank = rank->second;
          best = i;
        }
      }
      if (best_rank == std::numeric_limits<int64_t>::max()) break;
      pieces[best] += pieces[best + 1];
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    for (const std::string& piece : pieces) {
      const auto found = vocab_.find(piece);
      ids.push_back(found == vocab_.end() ? end_ : found->second);
    }
  }

  std::array<std::string, 256> symbols_;
  std::map<std::string, int64_t> vocab_;
  std::map<std::pair<std::string, std::string>, int64_t> ranks_;
  AddedTokens added_;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  int64_t padding_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> load_clip_tokenizer(const fs::path& folder) {
  return std::make_unique<ClipTokenizer>(folder);
}

}  // namespace ditmesh

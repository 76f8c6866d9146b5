#include "added_tokens.hpp"

#include <algorithm>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/unicode.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

bool flag(const Json& token, const char* name) {
  const auto found = token.find(name);
  return found != token.end() && found->is_boolean() && found->get<bool>();
}

AddedToken from_json(const Json& token) {
  return {token.value("content", std::string{}), 0, flag(token, "normalized"), flag(token, "lstrip"),
          flag(token, "rstrip")};
}

Json read_if_there(const fs::path& path) { return fs::exists(path) ? read_json_file(path) : Json::object(); }

// The flags of the named special tokens in one file; a later name overwrites an
// earlier one with the same content, a bare string has no flags.
void read_named(const Json& file, std::map<std::string, AddedToken>& flags) {
  const auto add = [&](const Json& token) {
    if (token.is_object()) {
      flags[token.value("content", std::string{})] = from_json(token);
    } else if (token.is_string()) {
      flags[token.get<std::string>()] = {token.get<std::string>()};
    }
  };
  for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    if (file.contains(name)) add(file[name]);
  }
  if (file.contains("additional_special_tokens") && file["additional_special_tokens"].is_array()) {
    for (const Json& token : file["additional_special_tokens"]) add(token);
  }
}

std::map<std::string, AddedToken> read_flags(const fs::path& folder) {
  std::map<std::string, AddedToken> flags;
  const Json config = read_if_there(folder / "tokenizer_config.json");
  if (config.contains("added_tokens_decoder") && config["added_tokens_decoder"].is_object()) {
    for (const auto& [id, token] : config["added_tokens_decoder"].items()) {
      flags[token.value("content", std::string{})] = from_json(token);
    }
    return flags;
  }
  const Json tokenizer = read_if_there(folder / "tokenizer.json");
  if (tokenizer.contains("added_tokens") && tokenizer["added_tokens"].is_array()) {
    for (const Json& token : tokenizer["added_tokens"])
      flags[token.value("content", std::string{})] = from_json(token);
    return flags;
  }
  read_named(config, flags);
  read_named(read_if_there(folder / "special_tokens_map.json"), flags);
  return flags;
}

// Bytes of white space that end right before `end`, and that begin at `begin`.
size_t white_before(std::string_view text, size_t end, size_t limit) {
  size_t begin = end;
  while (begin > limit) {
    size_t start = begin - 1;
    while (start > limit && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!is_white_space(decode_utf8(text.substr(start, begin - start)).front())) break;
    begin = start;
  }
  return begin;
}

size_t white_after(std::string_view text, size_t begin) {
  size_t end = begin;
  while (end < text.size()) {
    size_t next = end + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    if (!is_white_space(decode_utf8(text.substr(end, next - end)).front())) break;
    end = next;
  }
  return end;
}

}  // namespace

AddedTokens::AddedTokens(const fs::path& folder, const std::vector<std::string>& contents,
                         const std::map<std::string, int64_t>& vocab) {
  const auto flags = read_flags(folder);
  for (const std::string& content : contents) {
    const auto id = vocab.find(content);
    if (content.empty() || id == vocab.end()) continue;
    const auto found = flags.find(content);
    AddedToken token = found == flags.end() ? AddedToken{content} : found->second;
    token.id = id->second;
    tokens_.push_back(token);
  }
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.content.size() > b.content.size();
  });
}

std::vector<TextOrToken> AddedTokens::split(std::string_view text, bool normalized) const {
  std::vector<TextOrToken> parts;
  size_t rest = 0;  // end of the part before
  size_t place = 0;
  while (place < text.size()) {
    const auto token = std::find_if(tokens_.begin(), tokens_.end(), [&](const AddedToken& candidate) {
      return candidate.normalized == normalized && text.substr(place).starts_with(candidate.content);
    });
    if (token == tokens_.end()) {
      ++place;
      continue;
    }
    const size_t match_end = place + token->content.size();
    const size_t begin = token->strip_left ? white_before(text, place, rest) : place;
    const size_t end = token->strip_right ? white_after(text, match_end) : match_end;
    if (begin > rest) parts.push_back({std::string(text.substr(rest, begin - rest)), {}});
    parts.push_back({{}, token->id});
    rest = end;
    place = end;
  }
  if (rest < text.size()) parts.push_back({std::string(text.substr(rest)), {}});
  return parts;
}

}  // namespace ditmesh

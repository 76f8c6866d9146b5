#pragma once
// A caption as words, read one after the other: the base of the reader of captions.

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

/// Why a caption is not understood, and at which of its words.
struct NotUnderstood {
  size_t at;  // number of the word
  std::string reason;
};

class WordReader {
 public:
  /// Splits into lower-case words. A comma (or semicolon) and a colon are words of their own; quotes around
  /// the whole and a full stop or exclamation mark at its end do not count.
  explicit WordReader(std::string_view text);

  bool at_end() const { return at_ == words_.size(); }
  size_t at() const { return at_; }
  [[noreturn]] void fail(const std::string& reason) const { throw NotUnderstood{at_, reason}; }

  /// Takes these words if they come next.
  bool accept(std::string_view phrase);
  bool accept_one_of(std::initializer_list<std::string_view> phrases);

  /// Takes what `rule` reads; where it reads nothing, all is as before.
  template <typename Rule>
  auto attempt(const Rule& rule) {
    const size_t before = at_;
    auto found = rule();
    if (!found) at_ = before;
    return found;
  }

  /// Whether `rule` reads something here; nothing is taken.
  template <typename Rule>
  bool comes(const Rule& rule) {
    const size_t before = at_;
    const bool found = rule();
    at_ = before;
    return found;
  }

  /// "after 'and one purple', at 'cat': there is no such shape".
  std::string describe(const NotUnderstood& problem) const;

 private:
  struct Word {
    std::string text;
    size_t begin;  // in text_
    size_t end;
  };

  std::string_view original(size_t first, size_t last) const;

  std::string text_;
  std::vector<Word> words_;
  size_t at_ = 0;
};

}  // namespace ditmesh

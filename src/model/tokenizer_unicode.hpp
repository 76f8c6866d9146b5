#pragma once
// Unicode as the tokenizers library sees it: its tables are not those of the
// library that we use, so the characters on which they differ are listed here.

#include <string>
#include <string_view>

namespace ditmesh {

/// Canonical composition with the tables of Unicode 9: newer marks are left where they stand.
std::string tokenizer_nfc(std::string_view text);

/// Lower case of each code point by itself, with the tables of Unicode 17.
std::u32string tokenizer_lower(std::u32string_view text);

/// \p{L} and \p{N} of Unicode 16.
bool tokenizer_letter(char32_t c);
bool tokenizer_number(char32_t c);

}  // namespace ditmesh

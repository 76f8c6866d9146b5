#include "xml_root.hpp"

#include <algorithm>

#include "ditmesh/base/text.hpp"
#include "plain_text.hpp"

namespace ditmesh {

namespace {

// Behind `end`, or nothing if it is not there.
std::string_view after(std::string_view text, std::string_view end) {
  const size_t found = text.find(end);
  return found == std::string_view::npos ? std::string_view{} : text.substr(found + end.size());
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == ':' || c == '.';
}

}  // namespace

std::string xml_root(std::string_view text) {
  constexpr size_t kLongestName = 40;
  text = trim(without_byte_order_mark(text));
  if (text.starts_with("```")) text = trim(after(text, "\n"));
  while (text.starts_with("<?") || text.starts_with("<!")) {
    if (text.starts_with("<!--")) {
      text = trim(after(text, "-->"));
    } else if (text.starts_with("<?")) {
      text = trim(after(text, "?>"));
    } else {
      if (to_lower_ascii(text.substr(0, 14)) == "<!doctype html") return "html";
      text = trim(after(text, ">"));
    }
  }
  if (!text.starts_with('<')) return {};
  text.remove_prefix(1);
  const auto end = std::find_if_not(text.begin(), text.end(), is_name_character);
  const std::string_view name = text.substr(0, static_cast<size_t>(end - text.begin()));
  const bool is_name = !name.empty() && name.front() > '9' && name.size() <= kLongestName;
  return is_name ? std::string(name) : std::string{};
}

}  // namespace ditmesh

#pragma once

#include <string>
#include <string_view>

namespace ditmesh {

/// The name of the first element of an XML text, after declaration and comments; empty if the text does not
/// begin as XML does. Lines of a Markdown fence before it do not count.
std::string xml_root(std::string_view text);

}  // namespace ditmesh

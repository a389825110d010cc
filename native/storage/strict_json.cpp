#include "storage/strict_json.h"

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "core/error.h"
#include "storage/file_content.h"
#include "storage/mapped_file.h"

namespace cheems::storage {
namespace {

constexpr int deepest = 64;
constexpr std::size_t largest_text = 64u << 20;

// Line and column, both from 1, of a byte of the text.
std::string place_text(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  return sentence("line ", line, ", column ",
                  before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1);
}

// Whether the parser stopped at NaN, Infinity or -Infinity: Python's json module writes and reads them, JSON does not
// have them.
bool is_python_number(std::string_view text, std::size_t byte) {
  if (byte == 0 || byte > text.size()) return false;
  const std::string_view rest = text.substr(byte - 1);
  return rest.starts_with("NaN") || rest.starts_with("Infinity");
}

// Whether the parser stopped at the first or second character of a comment.
bool is_comment(std::string_view text, std::size_t byte) {
  if (byte == 0 || byte > text.size()) return false;
  const auto begins = [&](std::size_t at) {
    return text.substr(at).starts_with("//") || text.substr(at).starts_with("/*");
  };
  return text[byte - 1] == '#' || begins(byte - 1) || (byte > 1 && begins(byte - 2));
}

// The same text with these numbers as strings, outside of strings.
std::string with_python_numbers_as_texts(std::string_view text) {
  std::string changed;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_text && text[i] == '\\' && i + 1 < text.size()) {
      changed += text.substr(i++, 2);
      continue;
    }
    if (text[i] == '"') in_text = !in_text;
    std::string_view number;
    for (const std::string_view each : {"NaN", "Infinity", "-Infinity"}) {
      if (!in_text && text.substr(i).starts_with(each)) number = each;
    }
    if (number.empty()) {
      changed += text[i];
    } else {
      changed.append("\"").append(number).append("\"");
      i += number.size() - 1;
    }
  }
  return changed;
}

}  // namespace

nlohmann::json parse_strict_json(std::string_view text, const std::string& file) {
  using nlohmann::json;
  refuse_other_content(std::as_bytes(std::span(text)), file);
  if (text.empty()) fail("The file ", file, " is empty: download it again.");
  if (text.size() > largest_text)
    fail("The file ", file, " has ", text.size(), " bytes, too many for a JSON file of a model: it is damaged.");
  // The parser stops at a zero byte as the end of its input, and would leave the rest unread.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    fail("The file ", file, " is not valid JSON at ", place_text(text, zero + 1),
         ": correct it, or download it again.");
  std::vector<std::set<std::string>> open_objects;  // the keys so far in each object that is still open
  std::string last_key;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    using event_t = json::parse_event_t;
    if (depth > deepest) fail("The file ", file, " is nested deeper than ", deepest, " levels: it is damaged.");
    if (event == event_t::object_start) open_objects.emplace_back();
    if (event == event_t::object_end) open_objects.pop_back();
    if (event == event_t::key && !open_objects.back().insert(value.get_ref<const std::string&>()).second)
      fail("The file ", file, " has the key ", in_quotes(value.get_ref<const std::string&>()),
           " twice in one object: remove one of them.");
    if (event == event_t::key) last_key = value.get_ref<const std::string&>();
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    if (is_python_number(text, error.byte)) return parse_strict_json(with_python_numbers_as_texts(text), file);
    if (is_comment(text, error.byte))
      fail("The file ", file, " has a comment at ", place_text(text, error.byte),
           ", which JSON does not allow: remove it.");
    fail("The file ", file, " is not valid JSON at ", place_text(text, error.byte),
         ": correct it, or download it again.");
  } catch (const json::out_of_range&) {
    fail("The file ", file, " holds a number too large for any computer behind the key ", in_quotes(last_key),
         ": it is damaged.");
  }
}

nlohmann::json read_strict_json(const std::string& path) {
  const MappedFile mapping(path);
  return parse_strict_json({reinterpret_cast<const char*>(mapping.bytes().data()), mapping.bytes().size()}, path);
}

}  // namespace cheems::storage

#include "storage/pickle.h"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace cheems::storage {
namespace {

using Kind = PickleValue::Kind;
using Index = std::uint32_t;

// More than any model has: the largest have some hundred thousand tensors, of about 15 values each.
constexpr std::size_t most_values = 4'000'000;
constexpr std::size_t longest_global = 200;

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const PickleRules& rules, const std::string& name)
      : bytes_(bytes), rules_(rules), name_(name) {}

  Pickle read() {
    // None, False, True and () are one value each, however often they occur.
    for (const Kind kind : {Kind::none, Kind::boolean, Kind::boolean, Kind::tuple})
      pickle_.values.push_back({kind, 0, {}, {}});
    pickle_.values[true_index].integer = 1;
    while (step()) {
    }
    if (stack_.size() != 1 || !marks_.empty()) damaged("ends with more or less than one value");
    pickle_.root = stack_[0];
    return std::move(pickle_);
  }

 private:
  static constexpr Index none_index = 0, false_index = 1, true_index = 2, empty_tuple_index = 3;

  [[noreturn]] void damaged(const std::string& what) const {
    fail("The pickle in ", name_, " ", what, " (at byte ", at_, " of ", bytes_.size(),
         "); the file is damaged: download it again.");
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) damaged("ends in the middle of a value");
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

  std::uint64_t number(std::size_t length) {
    std::uint64_t value = 0;
    const auto taken = take(length);
    for (std::size_t i = 0; i < length; ++i) value |= std::to_integer<std::uint64_t>(taken[i]) << (8 * i);
    return value;
  }

  std::string characters(std::uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  std::string line() {
    std::string text;
    for (char c; (c = static_cast<char>(number(1))) != '\n';) {
      if (text.size() == longest_global) damaged("has a name without an end");
      text += c;
    }
    return text;
  }

  void push(PickleValue value) {
    if (pickle_.values.size() >= most_values) damaged("holds more values than any model has");
    stack_.push_back(static_cast<Index>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
  }
  void push_integer(std::int64_t value) { push({Kind::integer, value, {}, {}}); }
  void push_text(std::string text) { push({Kind::text, 0, std::move(text), {}}); }

  // Values below the innermost mark are not accessible.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Index top() const {
    if (stack_.size() <= floor()) damaged("takes a value that is not there");
    return stack_.back();
  }
  Index pop() {
    const Index index = top();
    stack_.pop_back();
    return index;
  }
  std::vector<Index> pop_to_mark() {
    if (marks_.empty()) damaged("takes values up to a mark that is not there");
    std::vector<Index> values(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }

  void push_tuple(std::size_t count) {
    std::vector<Index> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push({Kind::tuple, 0, {}, std::move(items)});
  }

  void push_global(std::string global) {
    rules_.check_global(global);
    push({Kind::global, 0, std::move(global), {}});
  }

  void push_named_global() {
    std::string module = line(), name = line();
    push_global(module + "." + name);
  }

  void push_global_of_stack() {
    const Index name = pop(), module = pop();
    if (value(name).kind != Kind::text || value(module).kind != Kind::text ||
        value(name).text.size() + value(module).text.size() > 2 * longest_global)
      damaged("names a global by something else than text");
    push_global(value(module).text + "." + value(name).text);
  }

  void push_integer_of(std::uint64_t length) {  // two's complement of any length, as LONG1 has it
    if (length > 8) damaged("holds a whole number of more than 64 bits");
    const auto count = static_cast<unsigned>(length);
    const std::uint64_t bits = number(count);
    const unsigned unused = 64 - 8 * count;
    push_integer(count == 0 ? 0 : static_cast<std::int64_t>(bits << unused) >> unused);
  }

  void call() {
    const Index arguments = pop(), function = pop();
    if (value(function).kind != Kind::global || value(arguments).kind != Kind::tuple)
      damaged("calls something that is no function");
    push({Kind::call, 0, {}, {function, arguments}});
  }

  bool dict_like(Index index) const {
    const PickleValue& v = value(index);
    return v.kind == Kind::dict || (v.kind == Kind::call && value(v.items[0]).text == rules_.dict_like);
  }

  void set_items(const std::vector<Index>& items) {
    if (items.size() % 2 != 0) damaged("sets a key without a value");
    if (!dict_like(top())) damaged("sets keys on something that is no dict");
    append(top(), items);
  }
  void append_items(const std::vector<Index>& items) {
    if (value(top()).kind != Kind::list) damaged("appends to something that is no list");
    append(top(), items);
  }
  void append(Index index, const std::vector<Index>& items) {
    auto& all = pickle_.values[index].items;
    all.insert(all.end(), items.begin(), items.end());
  }

  void build() {
    pop();
    if (dict_like(top())) return;
    const PickleValue& v = value(top());
    fail(name_, " sets the state of an object of the class ",
         in_quotes(v.kind == Kind::call ? value(v.items[0]).text : "?"),
         ", which is not read: save the tensors alone, with torch.save(model.state_dict(), ...).");
  }

  void remember(std::uint64_t key) { memo_[key] = top(); }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) damaged("refers to a value that it has not stored");
    stack_.push_back(found->second);
    // References create no value of their own, but take space on the stack.
    if (stack_.size() > most_values) damaged("holds more values than any model has");
  }

  [[noreturn]] void unknown(unsigned code) const {
    std::ostringstream text;
    text << "0x" << std::hex << std::setw(2) << std::setfill('0') << code;
    fail("The pickle in ", name_, " has the opcode ", text.str(), " at byte ", at_ - 1,
         ", which files of tensors do not have: either the file is ",
         "damaged, or it holds more than tensors; save the tensors alone, with torch.save(model.state_dict(), ...).");
  }

  bool step() {
    const auto code = static_cast<unsigned>(number(1));
    return code < 0x80 ? old_opcode(code) : new_opcode(code);
  }

  // Returns false at the end of the program.
  bool old_opcode(unsigned code) {
    switch (code) {
      case '.':
        return false;
      case '(':
        marks_.push_back(stack_.size());
        return check_marks();
      case 'N':
        stack_.push_back(none_index);
        return check_stack();
      case ')':
        stack_.push_back(empty_tuple_index);
        return check_stack();
      case ']':
        push({Kind::list, 0, {}, {}});
        break;
      case '}':
        push({Kind::dict, 0, {}, {}});
        break;
      case 'J':
        push_integer(static_cast<std::int32_t>(number(4)));
        break;
      case 'K':
        push_integer(static_cast<std::int64_t>(number(1)));
        break;
      case 'M':
        push_integer(static_cast<std::int64_t>(number(2)));
        break;
      case 'G':
        take(8), push({Kind::real, 0, {}, {}});
        break;
      case 'X':
        push_text(characters(number(4)));
        break;
      case 'B':
        take(number(4)), push({Kind::bytes, 0, {}, {}});
        break;
      case 'C':
        take(number(1)), push({Kind::bytes, 0, {}, {}});
        break;
      case 'c':
        push_named_global();
        break;
      case 'q':
        remember(number(1));
        break;
      case 'r':
        remember(number(4));
        break;
      case 'h':
        recall(number(1));
        break;
      case 'j':
        recall(number(4));
        break;
      case 't':
        push({Kind::tuple, 0, {}, pop_to_mark()});
        break;
      case 'a':
        append_items({pop()});
        break;
      case 'e':
        append_items(pop_to_mark());
        break;
      case 's': {
        const Index last = pop(), key = pop();
        set_items({key, last});
        break;
      }
      case 'u':
        set_items(pop_to_mark());
        break;
      case 'R':
        call();
        break;
      case 'b':
        build();
        break;
      case 'Q': {
        const Index id = pop();
        push({Kind::persistent, 0, {}, {id}});
        break;
      }
      default:
        unknown(code);
    }
    return true;
  }

  bool new_opcode(unsigned code) {
    switch (code) {
      case 0x80:  // PROTO
        if (const std::uint64_t protocol = number(1); protocol < 2 || protocol > 5)
          damaged(sentence("is of protocol ", protocol, ", not 2 to 5"));
        break;
      case 0x85:
        push_tuple(1);
        break;
      case 0x86:
        push_tuple(2);
        break;
      case 0x87:
        push_tuple(3);
        break;
      case 0x88:
        stack_.push_back(true_index);
        return check_stack();
      case 0x89:
        stack_.push_back(false_index);
        return check_stack();
      case 0x8a:
        push_integer_of(number(1));
        break;
      case 0x8c:
        push_text(characters(number(1)));
        break;
      case 0x8d:
        push_text(characters(number(8)));
        break;
      case 0x93:
        push_global_of_stack();
        break;
      case 0x94:
        remember(memo_.size());
        break;  // MEMOIZE
      case 0x95:
        number(8);
        break;  // FRAME: the length of what follows, for stream readers
      default:
        unknown(code);
    }
    return true;
  }

  bool check_stack() const {
    if (stack_.size() > most_values) damaged("holds more values than any model has");
    return true;
  }
  bool check_marks() const {
    if (marks_.size() > most_values) damaged("holds more values than any model has");
    return true;
  }

  const PickleValue& value(Index index) const { return pickle_.values[index]; }

  std::span<const std::byte> bytes_;
  const PickleRules& rules_;
  const std::string& name_;
  std::size_t at_ = 0;
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Index> memo_;
};

}  // namespace

Pickle read_pickle(std::span<const std::byte> bytes, const PickleRules& rules, const std::string& name) {
  return Reader(bytes, rules, name).read();
}

}  // namespace cheems::storage

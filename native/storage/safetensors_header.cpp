#include "storage/safetensors_header.h"

#include <limits>
#include <utility>

#include "core/error.h"
#include "storage/json.h"

namespace cheems::storage {
namespace {

using nlohmann::json;

// Receives the header piece by piece, so that only the entries themselves are built in memory. Nesting beyond what the
// format allows is refused at its first bracket, and a 100 MB header of zeros costs no tree of JSON values.
class HeaderReader {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  explicit HeaderReader(const std::string& file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = in_metadata_ ? Place::metadata : Place::tensor;
      seen_dtype_ = seen_shape_ = seen_offsets_ = false;
    } else {
      refuse("an object");
    }
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor) {
      if (!seen_dtype_) missing("dtype");
      if (!seen_shape_) missing("shape");
      if (!seen_offsets_) missing("data_offsets");
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::tensor && field_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && field_ == "data_offsets") {
      place_ = Place::offsets;
      offsets_ = 0;
    } else {
      refuse("an array");
    }
    return true;
  }

  bool end_array() {
    if (place_ == Place::offsets && offsets_ != 2)
      fail("The header of ", file_, " gives tensor ", in_quotes(name_), " ", offsets_, " data_offsets instead of two; ",
           kDamagedSafetensors);
    place_ = Place::tensor;
    return true;
  }

  bool key(string_t& key) {
    if (place_ == Place::top) return start_entry(key);
    if (place_ == Place::metadata) {
      metadata_value_ = insert(header_.metadata, key);
      return true;
    }
    bool* seen = key == "dtype"          ? &seen_dtype_
                 : key == "shape"        ? &seen_shape_
                 : key == "data_offsets" ? &seen_offsets_
                                         : nullptr;
    if (seen == nullptr)
      fail("The header of ", file_, " has an unknown field ", in_quotes(key), " in tensor ", in_quotes(name_),
           "; only dtype, shape and data_offsets are known: write the file again with a current safetensors library.");
    if (*seen) twice(key);
    *seen = true;
    field_ = key;
    return true;
  }

  bool string(string_t& value) {
    if (place_ == Place::metadata) {
      *metadata_value_ = value;
    } else if (place_ == Place::tensor && field_ == "dtype") {
      entry_->dtype = value;
    } else {
      refuse("a string");
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t value) {
    if (place_ == Place::shape) {
      if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
        refuse_number(std::to_string(value));
      entry_->shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_ == 0) entry_->begin = value;
      if (offsets_ == 1) entry_->end = value;
      ++offsets_;
    } else {
      refuse("a number");
    }
    return true;
  }

  bool number_integer(number_integer_t value) { return refuse_number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) { return refuse_number(text); }
  bool boolean(bool) { return refuse("true or false"); }
  bool binary(binary_t&) { return refuse("binary data"); }
  // `"__metadata__": null` means no metadata, as in the reference library.
  bool null() { return place_ == Place::top && in_metadata_ ? true : refuse("null"); }

  // The parser's own message may quote raw bytes of the file; the position alone is enough.
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    fail("The header of ", file_, " is not valid UTF-8 JSON at its byte ", position, "; ", kDamagedSafetensors);
  }

 private:
  enum class Place { outside, top, metadata, tensor, shape, offsets };

  bool start_entry(const std::string& key) {
    name_ = key;
    in_metadata_ = key == "__metadata__";
    if (in_metadata_) {
      if (seen_metadata_) twice(key);
      seen_metadata_ = true;
    } else {
      entry_ = insert(header_.tensors, key);
    }
    return true;
  }

  template <typename Value>
  Value* insert(std::map<std::string, Value>& map, const std::string& key) {
    const auto [place, fresh] = map.try_emplace(key);
    if (!fresh) twice(key);
    return &place->second;
  }

  [[noreturn]] void twice(const std::string& key) {
    fail("The header of ", file_, " has the key ", in_quotes(key), " twice",
         place_ == Place::top ? "" : sentence(" in ", in_quotes(name_)), "; ", kDamagedSafetensors);
  }

  [[noreturn]] void missing(const char* field) {
    fail("The header of ", file_, " gives tensor ", in_quotes(name_), " no ", field, "; ", kDamagedSafetensors);
  }

  bool refuse_number(const std::string& number) {
    if (place_ != Place::shape && place_ != Place::offsets) return refuse("a number");
    fail("The header of ", file_, " has ", in_quotes(number), " in the ",
         place_ == Place::shape ? "shape" : "data_offsets", " of tensor ", in_quotes(name_),
         ", which must be an integer between 0 and 2^63 - 1; ", kDamagedSafetensors);
  }

  // A value of the wrong type for where it is.
  bool refuse(const char* found) {
    switch (place_) {
      case Place::outside:
        fail("The header of ", file_, " is ", found, " instead of a JSON object; ", kDamagedSafetensors);
      case Place::top:
        fail("The header of ", file_, " has ", found, " instead of an object under ", in_quotes(name_), "; ",
             kDamagedSafetensors);
      case Place::metadata:
        fail("The header of ", file_, " has ", found, " in __metadata__, where all values are strings; ",
             kDamagedSafetensors);
      case Place::tensor:
        fail("The header of ", file_, " has ", found, " as the ", field_, " of tensor ", in_quotes(name_), "; ",
             kDamagedSafetensors);
      case Place::shape:
      case Place::offsets:
        break;
    }
    fail("The header of ", file_, " has ", found, " inside the ", field_, " of tensor ", in_quotes(name_),
         ", where integers are expected; ", kDamagedSafetensors);
  }

  const std::string& file_;
  SafetensorsHeader header_;
  Place place_ = Place::outside;
  std::string name_;   // the key at the top whose value is being read
  std::string field_;  // the key in that tensor's object
  HeaderEntry* entry_ = nullptr;
  std::string* metadata_value_ = nullptr;
  std::size_t offsets_ = 0;
  bool in_metadata_ = false, seen_metadata_ = false;
  bool seen_dtype_ = false, seen_shape_ = false, seen_offsets_ = false;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file) {
  // The parser stops at a zero byte as the end of its input, and would leave the rest unread.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    fail("The header of ", file, " is not valid UTF-8 JSON at its byte ", zero + 1, "; ", kDamagedSafetensors);
  HeaderReader reader(file);
  json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

}  // namespace cheems::storage

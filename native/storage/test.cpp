#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "storage/safetensors.h"
#include "storage/test_files.h"
#include "testing/contains.h"

using namespace cheems;
using namespace cheems::storage;
using namespace cheems::storage::testing;
using cheems::testing::contains;
namespace fs = std::filesystem;

namespace {

SafetensorsFile parse(const std::string& file) {
  return SafetensorsFile::parse(std::as_bytes(std::span(file)), "weights");
}

std::string refusal_of(const std::string& json, const std::string& data = "") {
  return refusal([&] { parse(make_file(json, data)); });
}

}  // namespace

TEST_CASE("reads float32, bfloat16 and float16, scalars, empty tensors and other dtypes, at odd addresses") {
  // "odd" is one byte long, so that all that follows is unaligned.
  const std::string json = "{\"__metadata__\":{\"format\":\"pt\"}," + entry("odd", "U8", "[1]", "[0,1]") + "," +
                           entry("f32", "F32", "[2,1]", "[1,9]") + "," + entry("bf16", "BF16", "[3]", "[9,15]") + "," +
                           entry("f16", "F16", "[2]", "[15,19]") + "," + entry("scalar", "F32", "[]", "[19,23]") + "," +
                           entry("empty", "F32", "[4,0]", "[23,23]") + "}  ";
  const std::string file =
      make_file(json, "x" + bytes_of<float>({1.5f, -2.0f}) + bytes_of<std::uint16_t>({0x3f80, 0xc000, 0x0001}) +
                          bytes_of<std::uint16_t>({0x3c00, 0x0001}) + bytes_of<float>({7.0f}));
  const SafetensorsFile weights = parse(file);
  CHECK(weights.tensors().size() == 6);
  CHECK(weights.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  std::vector<float> two(2), three(3), one(1);
  weights.read_float32("f32", two.data(), {2, 1});
  CHECK(two == std::vector<float>{1.5f, -2.0f});
  weights.read_float32("bf16", three.data(), {3});
  CHECK(three == std::vector<float>{1.0f, -2.0f, 9.183549615799121e-41f});
  weights.read_float32("f16", two.data(), {2});
  CHECK(two == std::vector<float>{1.0f, 0x1p-24f});
  weights.read_float32("scalar", one.data(), {});
  CHECK(one[0] == 7.0f);
  weights.read_float32("empty", nullptr, {4, 0});
  std::vector<std::uint16_t> raw(3);
  weights.read_raw("bf16", raw.data(), DType::bfloat16, {3});
  CHECK(raw == std::vector<std::uint16_t>{0x3f80, 0xc000, 0x0001});
  CHECK(weights.find("odd")->dtype == "U8");
  CHECK(weights.find("none") == nullptr);
}

TEST_CASE("a file may have no tensors, and null for its metadata") {
  CHECK(parse(make_file("{}", "")).tensors().empty());
  CHECK(parse(make_file("{\"__metadata__\":null}", "")).metadata().empty());
}

TEST_CASE("a tensor that cannot be used is refused by name") {
  const std::string file =
      make_file("{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("q", "I8", "[4]", "[8,12]") + "}",
                bytes_of<float>({1, 2}) + "1234");
  const SafetensorsFile weights = parse(file);
  float values[4];
  CHECK(contains(refusal([&] { weights.read_float32("b", values, {2}); }), "Tensor \"b\" is missing from weights"));
  CHECK(contains(refusal([&] {
                   weights.read_float32("a", values, {1, 2});
                 }),
                 "has shape [2], but the model's configuration needs [1, 2]"));
  CHECK(contains(refusal([&] { weights.read_float32("q", values, {4}); }), "has dtype I8; only F32, BF16 and F16"));
  CHECK(contains(refusal([&] { weights.read_raw("a", values, DType::float16, {2}); }),
                 "has dtype F32, but float16 is needed"));
}

TEST_CASE("float64 is rounded once to float32, and what has no place there is named") {
  const std::vector<double> doubles = {0.1, -1.0000000596046448, 1.0000001788139343, 1e-46, 3.4028234663852886e38};
  const std::string entries = "{" + entry("w", "F64", "[5]", "[0,40]") + "}";
  const std::string file = make_file(entries, bytes_of(doubles));
  const SafetensorsFile weights = parse(file);
  std::vector<float> values(5);
  weights.read_float32("w", values.data(), {5});
  CHECK(values == std::vector<float>{0.1f, -1.0f, 1.00000024f, 0.0f, 3.4028234663852886e38f});
  CHECK(contains(refusal([&] { weights.read_float32("w", values.data(), {1, 5}); }), "has shape [5]"));
  CHECK(contains(refusal([&] { weights.read_raw("w", values.data(), DType::float32, {5}); }), "has dtype F64"));
  for (const double value : {1e39, std::numeric_limits<double>::quiet_NaN()}) {
    const std::string large = make_file(entries, bytes_of<double>({0, 1, 2, value, 4}));
    const SafetensorsFile bad = parse(large);
    CHECK(contains(refusal([&] { bad.read_float32("w", values.data(), {5}); }),
                   "at index 3 ([3] of shape [5]), which is no finite number in float32"));
  }
}

TEST_CASE("the first NaN or Inf is named, in every dtype") {
  const std::size_t rows = 300, columns = 200, bad = 54321;
  const auto check = [&](const std::string& dtype, const std::string& data, const std::string& kind) {
    const std::string end = std::to_string(data.size());
    const std::string file = make_file("{" + entry("w", dtype, "[300,200]", "[0," + end + "]") + "}", data);
    const SafetensorsFile weights = parse(file);
    std::vector<float> values(rows * columns);
    const std::string expected =
        "Tensor \"w\" in weights holds " + kind + " at index 54321 ([271, 121] of shape [300, 200])";
    CHECK(contains(refusal([&] { weights.read_float32("w", values.data(), {300, 200}); }), expected));
    CHECK(contains(refusal([&] {
                     weights.read_raw("w", values.data(), *weights.find("w")->float_dtype(), {300, 200});
                   }),
                   expected));
  };
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    const std::string kind = std::isnan(value) ? "NaN" : "an infinite value";
    std::vector<float> floats(rows * columns, 3e38f);
    floats[bad] = floats[bad + 77] = value;
    check("F32", bytes_of(floats), kind);
    std::vector<std::uint16_t> halves(rows * columns, 0x7bff), brains(rows * columns, 0x7f7f);
    halves[bad] = float_to_float16(value);
    brains[bad] = float_to_bfloat16(value);
    check("F16", bytes_of(halves), kind);
    check("BF16", bytes_of(brains), kind);
  }
}

TEST_CASE("a file cut at any byte, or too long, is refused") {
  const std::string file = small_file();
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK(contains(refusal([&] { parse(file.substr(0, size)); }), "truncated: download it again"));
  }
  CHECK(contains(refusal([&] { parse(file + "x"); }), "1 unused bytes after the last tensor in weights"));
}

TEST_CASE("a lying header length is refused") {
  std::string file = small_file();
  const auto with_length = [&](std::uint64_t length) {
    for (int i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> (8 * i) & 0xff);
    return refusal([&] { parse(file); });
  };
  CHECK(contains(with_length(100'000'001), "claims a header of 100000001 bytes, more than the format's 100000000"));
  CHECK(contains(with_length(~0ull), "more than the format's"));
  CHECK(contains(with_length(file.size() - 7), "but ends after"));
  CHECK(contains(with_length(0), "does not begin with '{'"));
  CHECK(contains(with_length(5), "is not valid UTF-8 JSON"));
  CHECK(
      contains(refusal([&] { parse("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"); }), "git lfs pull"));
}

TEST_CASE("a header that is not the format's JSON is refused") {
  const std::string tensor = entry("a", "F32", "[1]", "[0,4]");
  CHECK(contains(refusal_of("[]"), "does not begin with '{'"));
  CHECK(contains(refusal_of("{\"a\":1}"), "has a number instead of an object under \"a\""));
  CHECK(contains(refusal_of("{" + tensor + "," + tensor + "}", "1234"), "has the key \"a\" twice"));
  CHECK(contains(refusal_of("{\"__metadata__\":{},\"__metadata__\":{}}"), "has the key \"__metadata__\" twice"));
  CHECK(
      contains(refusal_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"), "the key \"k\" twice in \"__metadata__\""));
  CHECK(contains(refusal_of("{\"__metadata__\":{\"k\":1}}"), "a number in __metadata__"));
  CHECK(contains(refusal_of(R"({"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,4]}})"),
                 "the key \"dtype\" twice"));
  CHECK(contains(refusal_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":0}})"),
                 "unknown field \"x\" in tensor \"a\""));
  CHECK(contains(refusal_of(R"({"a":{"shape":[],"data_offsets":[0,4]}})"), "gives tensor \"a\" no dtype"));
  CHECK(contains(refusal_of(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})"), "no shape"));
  CHECK(contains(refusal_of(R"({"a":{"dtype":"F32","shape":[]}})"), "no data_offsets"));
  CHECK(contains(refusal_of(R"({"a":{"dtype":1,"shape":[],"data_offsets":[0,4]}})"), "a number as the dtype"));
  CHECK(contains(refusal_of(R"({"a":{"dtype":"F32","shape":3,"data_offsets":[0,4]}})"), "a number as the shape"));
  CHECK(contains(refusal_of("{" + tensor + "} x", "1234"), "is not valid UTF-8 JSON"));
  CHECK(contains(refusal_of("{\"a\xff\":1}"), "is not valid UTF-8 JSON"));
  CHECK(contains(refusal_of(std::string("{}  \0 unseen", 12)), "is not valid UTF-8 JSON at its byte 5"));
  CHECK(contains(refusal_of("{\"a\":" + std::string(1'000'000, '[')), "an array instead of an object under \"a\""));
  std::string deep = "{\"a\":{\"dtype\":\"F32\",\"shape\":";
  for (int i = 0; i < 100'000; ++i) deep += "[";
  CHECK(contains(refusal_of(deep), "an array inside the shape of tensor \"a\""));
}

TEST_CASE("a name from a file is cut and cleaned before it stands in a sentence") {
  const std::string sentence =
      refusal_of("{" + entry(std::string(100'000, 'n') + "\\n", "F99", "[1]", "[0,4]") + "}", "1234");
  CHECK(sentence.size() < 500);
  CHECK(in_quotes("a\nb") == "\"a?b\"");
  CHECK(in_quotes(std::string(159, 'a') + "权重") == "\"" + std::string(159, 'a') + "...\"");
}

TEST_CASE("dtypes, shapes and offsets that lie are refused") {
  const auto one = [](const char* dtype, const char* shape, const char* offsets, const std::string& data) {
    return refusal_of("{" + entry("a", dtype, shape, offsets) + "}", data);
  };
  const std::string data = "12345678";
  CHECK(contains(one("F33", "[2]", "[0,8]", data), "unknown dtype \"F33\""));
  CHECK(contains(one("F32", "[-2]", "[0,8]", data), "\"-2\" in the shape of tensor \"a\""));
  CHECK(contains(one("F32", "[2.0]", "[0,8]", data), "\"2.0\" in the shape"));
  CHECK(contains(one("F32", "[18446744073709551616]", "[0,8]", data), "\"18446744073709551616\" in the shape"));
  CHECK(contains(one("F32", "[9223372036854775808]", "[0,8]", data), "\"9223372036854775808\" in the shape"));
  CHECK(contains(one("F32", "[4294967296,4294967296,2]", "[0,8]", data),
                 "a shape too large for any file, [4294967296, 4294967296, 2]"));
  CHECK(contains(one("F32", "[9223372036854775807]", "[0,8]", data), "a shape too large"));
  CHECK(contains(one("F4", "[3]", "[0,1]", "1"), "not a whole number of bytes"));
  CHECK(contains(one("F32", "[3]", "[0,8]", data), "has 8 bytes, but dtype F32 and shape [3] need 12"));
  CHECK(contains(one("F32", "[2]", "[8,0]", data), "begins at byte 8 after its end at 0"));
  CHECK(contains(one("F32", "[2]", "[0]", data), "1 data_offsets instead of two"));
  CHECK(contains(one("F32", "[2]", "[0,8,9]", data), "3 data_offsets instead of two"));
  CHECK(contains(one("F32", "[2]", "[0,-8]", data), "\"-8\" in the data_offsets"));
  CHECK(contains(one("F32", "[2]", "[0,1e400]", data), "not valid UTF-8 JSON"));
  CHECK(contains(one("F32", "[2]", "[0,null]", data), "null inside the data_offsets"));
  CHECK(contains(one("F32", "[2]", "[8,16]", data), "ends at byte 16 of the data, of which the file has only 8"));
  CHECK(contains(one("F32", "[2]", "[18446744073709551607,18446744073709551615]", data), "truncated"));
}

TEST_CASE("tensors must cover the data without overlap or hole") {
  const auto two = [](const char* first, const char* second, std::size_t size) {
    return refusal_of("{" + entry("a", "F32", "[1]", first) + "," + entry("b", "F32", "[1]", second) + "}",
                      std::string(size, '1'));
  };
  CHECK(two("[0,4]", "[4,8]", 8) == "");
  CHECK(two("[4,8]", "[0,4]", 8) == "");
  CHECK(contains(two("[0,4]", "[0,4]", 4), "Tensors \"a\" and \"b\" overlap in weights"));
  CHECK(contains(two("[0,4]", "[3,7]", 7), "overlap"));
  CHECK(contains(two("[0,4]", "[5,9]", 9), "1 unused bytes before tensor \"b\""));
  CHECK(contains(two("[1,5]", "[5,9]", 9), "1 unused bytes before tensor \"a\""));
  CHECK(contains(two("[0,4]", "[4,8]", 12), "4 unused bytes after the last tensor"));
}

TEST_CASE("a mapped file reads as the same file in memory, and one changed since is refused instead of a crash") {
  TemporaryFolder folder;
  const std::string path = folder.put("model.safetensors", small_file());
  const SafetensorsFile weights = SafetensorsFile::open(path);
  std::vector<float> values(2);
  weights.read_float32("a", values.data(), {2});
  CHECK(values == std::vector<float>{1.0f, 2.0f});
  weights.read_float32("a", values.data(), {2});  // again, after its pages were given back
  CHECK(values == std::vector<float>{1.0f, 2.0f});
  fs::resize_file(path, 3);
  CHECK(contains(refusal([&] { weights.read_float32("a", values.data(), {2}); }), "was changed by another process"));
}

TEST_CASE("paths that are no readable files are refused") {
  TemporaryFolder folder;
  CHECK(contains(refusal([&] { SafetensorsFile::open(folder.file("none")); }), "does not exist"));
  CHECK(contains(refusal([&] { SafetensorsFile::open(folder.path.string()); }), "is not a regular file"));
  CHECK(contains(refusal([&] { SafetensorsFile::open(folder.put("empty", "")); }), "is empty"));
}

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "core/error.h"
#include "storage/checkpoint.h"
#include "storage/safetensors.h"
#include "storage/safetensors_writer.h"
#include "storage/strict_json.h"
#include "storage/test_files.h"
#include "testing/contains.h"

using namespace cheems;
using namespace cheems::storage;
using namespace cheems::storage::testing;
using cheems::testing::contains;
namespace fs = std::filesystem;

TEST_CASE("a checkpoint of one file") {
  TemporaryFolder folder;
  folder.put("model.safetensors", small_file());
  folder.put("model.safetensors.index.json", "not read, as transformers prefers the single file");
  const Checkpoint checkpoint = Checkpoint::open(folder.path.string());
  CHECK(checkpoint.names() == std::vector<std::string>{"a"});
  CHECK(checkpoint.find("a")->shape == std::vector<std::int64_t>{2});
  CHECK(checkpoint.find("b") == nullptr);
  CHECK(checkpoint.file_of("a") == folder.file("model.safetensors"));
  CHECK(contains(refusal([&] { checkpoint.read_float32("b", nullptr, {2}); }),
                 "Tensor \"b\" is missing from the weights in"));
}

TEST_CASE("a head beside the weights is added under a prefix, and never in the place of another tensor") {
  TemporaryFolder folder;
  folder.put("model.safetensors", small_file("weight"));
  const std::string head = folder.put("value_head.safetensors", small_file("weight", 5.0f));
  Checkpoint checkpoint = Checkpoint::open(folder.path.string());
  CHECK(contains(refusal([&] { checkpoint.add_file(head); }), "Tensor \"weight\" is in two files"));
  checkpoint.add_file(head, "value_head.");
  CHECK(checkpoint.names() == std::vector<std::string>{"value_head.weight", "weight"});
  std::vector<float> values(2);
  checkpoint.read_float32("value_head.weight", values.data(), {2});
  CHECK(values == std::vector<float>{5.0f, 2.0f});
  checkpoint.read_raw("weight", values.data(), DType::float32, {2});
  CHECK(values == std::vector<float>{1.0f, 2.0f});
  CHECK(checkpoint.file_of("value_head.weight") == head);
  CHECK(checkpoint.file_of("weight") == folder.file("model.safetensors"));
  CHECK(contains(refusal([&] { checkpoint.add_file(head, "value_head."); }),
                 "Tensor \"value_head.weight\" is in two files"));
  CHECK(contains(refusal([&] { checkpoint.add_file(folder.file("regression_layer.pt"), "regression_layer."); }),
                 "does not exist"));
  CHECK(checkpoint.names().size() == 2);
}

TEST_CASE("a checkpoint of shards, whole and broken in every way") {
  TemporaryFolder folder;
  const auto put_index = [&](const std::string& map) {
    folder.put("model.safetensors.index.json", "{\"metadata\":{\"total_size\":16},\"weight_map\":{" + map + "}}");
  };
  const auto opening = [&] { return refusal([&] { Checkpoint::open(folder.path.string()); }); };
  const std::string map = R"("a":"model-1.safetensors","b":"model-2.safetensors")";
  folder.put("model-1.safetensors", small_file("a"));
  folder.put("model-2.safetensors", small_file("b", 5.0f));
  put_index(map);
  const Checkpoint checkpoint = Checkpoint::open(folder.path.string());
  std::vector<float> values(2);
  checkpoint.read_float32("b", values.data(), {2});
  CHECK(values == std::vector<float>{5.0f, 2.0f});
  CHECK(checkpoint.names() == std::vector<std::string>{"a", "b"});

  put_index(map + R"(,"c":"model-2.safetensors")");
  CHECK(contains(opening(), "says that tensor \"c\" is in model-2.safetensors, but it is not there"));
  put_index(R"("a":"model-2.safetensors","b":"model-1.safetensors")");
  CHECK(contains(opening(), "tensor \"a\" is in model-2.safetensors, but it is not there"));
  put_index(map + R"(,"c":"model-3.safetensors","d":"model-4.safetensors")");
  CHECK(contains(
      opening(),
      "lacks 2 of the 4 files that model.safetensors.index.json lists, the first of them model-3.safetensors"));
  put_index(R"("a":"../model-1.safetensors")");
  CHECK(contains(opening(), "not the name of a .safetensors file in its folder"));
  put_index(R"("a":"model-1.bin")");
  CHECK(contains(opening(), "not the name of a .safetensors file"));
  put_index(R"("a":1)");
  CHECK(contains(opening(), "does not give tensor \"a\" the name of a file"));
  put_index(map + "," + map);
  CHECK(contains(opening(), "has the key \"a\" twice in one object"));
  put_index("");
  CHECK(contains(opening(), "no \"weight_map\" object"));
  folder.put("model.safetensors.index.json", "{\"weight_map\":\n {\"a\" 1}}");
  CHECK(contains(opening(), "model.safetensors.index.json is not valid JSON at line 2, column"));
  folder.put("model.safetensors.index.json", "");
  CHECK(contains(opening(), "is empty"));
  folder.put("model-2.safetensors", small_file("a"));
  put_index(map);
  CHECK(contains(opening(), "Tensor \"a\" is in two files"));
}

TEST_CASE("a folder without weights says why") {
  TemporaryFolder folder;
  const auto opening = [&] { return refusal([&] { Checkpoint::open(folder.path.string()); }); };
  CHECK(contains(refusal([&] { Checkpoint::open(folder.file("none")); }), "does not exist"));
  CHECK(contains(refusal([&] { Checkpoint::open(folder.put("file", "x")); }), "is not a folder"));
  CHECK(contains(opening(), "has no weights, neither model.safetensors nor"));
  folder.put("other.safetensors", small_file());
  CHECK(contains(opening(), "other.safetensors is read only if the index lists it"));
  folder.put("pytorch_model-00001-of-00002.bin", "x");
  CHECK(contains(opening(),
                 "has neither pytorch_model.bin nor pytorch_model.bin.index.json; pytorch_model-00001-of-00002.bin is "
                 "read only if"));
  folder.put("adapter_config.json", "{}");
  CHECK(contains(opening(), "holds an adapter (LoRA)"));
}

TEST_CASE("strict JSON refuses what damage looks like") {
  CHECK(parse_strict_json(R"({"a":[1,{"a":2}],"b":{"a":3}})", "f").at("b").at("a") == 3);
  CHECK(contains(refusal([] { parse_strict_json(R"({"a":{"b":1,"b":2}})", "f"); }),
                 "The file f has the key \"b\" twice"));
  CHECK(contains(refusal([] { parse_strict_json(std::string(100'000, '['), "f"); }), "nested deeper than 64"));
  CHECK(
      contains(refusal([] { parse_strict_json("{\n  \"a\": 1,\n  x}", "f"); }), "not valid JSON at line 3, column 3"));
  CHECK(contains(refusal([] { parse_strict_json("[1e999]", "f"); }), "a number too large"));
  CHECK(parse_strict_json(R"({"a":[NaN,-Infinity,Infinity],"b\"NaN":"x NaN"})", "f").dump() ==
        R"({"a":["NaN","-Infinity","Infinity"],"b\"NaN":"x NaN"})");
  for (const char* text : {"NaNNaN", "[Infinit]", "nNaN", "\"NaN", "[--Infinity]"})
    CHECK(contains(refusal([&] { parse_strict_json(text, "f"); }), "not valid JSON at line 1"));
  for (const char* text : {"[1, /* one */ 2]", "[1, // one\n2]", "# one\n[]"})
    CHECK(contains(refusal([&] { parse_strict_json(text, "f"); }), "has a comment at line 1"));
  CHECK(contains(refusal([] { parse_strict_json(std::string("{}\n\0{", 5), "f"); }),
                 "not valid JSON at line 2, column 1"));
}

TEST_CASE("what is written reads back: every dtype, in any order, aligned, in several blocks") {
  TemporaryFolder folder;
  const std::string path = folder.file("out.safetensors");
  std::vector<float> many(600'001);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i) * 0.37f - 1000.0f;
  const float one = 1.0009765625f;  // 1 + 2^-10: exact in float16, rounds down to 1 in bfloat16
  {
    SafetensorsWriter writer(path, {{"big.bf16", DType::bfloat16, {600'001}},
                                    {"a\"权", DType::float32, {}},
                                    {"h", DType::float16, {1, 1}},
                                    {"none", DType::float32, {0, 3}},
                                    {"big", DType::float32, {600'001}}});
    writer.write("big", many.data());
    writer.write("h", &one);
    writer.write_raw("a\"权", &one);
    writer.write("none", nullptr);
    writer.write("big.bf16", many.data());
    writer.finish();
    CHECK(fs::file_size(path) == writer.file_size());
  }
  const SafetensorsFile back = SafetensorsFile::open(path);
  CHECK(back.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  CHECK(back.tensors().size() == 5);
  std::vector<float> values(many.size());
  back.read_float32("big", values.data(), {600'001});
  CHECK(values == many);
  back.read_float32("big.bf16", values.data(), {600'001});
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < many.size(); ++i) wrong += values[i] != bfloat16_to_float(float_to_bfloat16(many[i]));
  CHECK(wrong == 0);
  back.read_float32("h", values.data(), {1, 1});
  CHECK(values[0] == one);
  back.read_float32("a\"权", values.data(), {});
  CHECK(values[0] == one);
  for (const auto& [name, view] : back.tensors())
    CHECK(reinterpret_cast<std::uintptr_t>(view.bytes.data()) % size_of(*view.float_dtype()) == 0);
}

TEST_CASE("a writer that does not finish leaves no file, and misuse is noticed") {
  TemporaryFolder folder;
  const std::string path = folder.file("out.safetensors");
  const float value = 1;
  {
    SafetensorsWriter writer(path, {{"a", DType::float32, {1}}, {"b", DType::float32, {1}}});
    CHECK(fs::exists(path));
    writer.write("a", &value);
    CHECK_THROWS_AS(writer.write("a", &value), std::logic_error);
    CHECK_THROWS_AS(writer.write("c", &value), std::logic_error);
    CHECK_THROWS_AS(writer.finish(), std::logic_error);
  }
  CHECK_FALSE(fs::exists(path));
  CHECK_THROWS_AS(SafetensorsWriter(path, {{"a", DType::float32, {1}}, {"a", DType::float32, {1}}}), std::logic_error);
  CHECK_THROWS_AS(SafetensorsWriter(path, {{"a", DType::float32, {-1}}}), std::logic_error);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a disk that refuses is reported, and the partial file removed") {
  TemporaryFolder folder;
  const std::vector<TensorDeclaration> tensors = {{"a", DType::float32, {100'000}}};
  CHECK(contains(refusal([&] { SafetensorsWriter(folder.file("none/out"), tensors); }), "its folder does not exist"));
  CHECK(contains(refusal([&] { SafetensorsWriter(folder.path.string(), tensors); }),
                 "could not be written: Is a directory"));
  if (fs::is_character_file("/dev/full")) {
    CHECK(contains(refusal([&] { SafetensorsWriter("/dev/full", tensors); }),
                   "The disk is full: /dev/full could not be written"));
    CHECK(fs::is_character_file("/dev/full"));
  }
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string sentence = refusal([&] { SafetensorsWriter(folder.file("out"), tensors); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(sentence, "more than the file system or the process's limit (ulimit -f) allows"));
  CHECK_FALSE(fs::exists(folder.file("out")));
}

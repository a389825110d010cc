#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/error.h"
#include "storage/checkpoint.h"
#include "storage/safetensors.h"
#include "storage/test_files.h"
#include "storage/torch_file.h"
#include "testing/contains.h"

using namespace cheems;
using namespace cheems::storage;
using namespace cheems::storage::testing;
using cheems::testing::contains;
namespace fs = std::filesystem;

namespace {

const fs::path files = fs::path(CHEEMS_SOURCE_DIRECTORY) / "fixtures/reference/torch_files";

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TorchFile parse_torch(const std::string& file) { return TorchFile::parse(std::as_bytes(std::span(file)), "weights"); }
std::string torch_refusal(const std::string& file) {
  return refusal([&] { parse_torch(file); });
}

std::string archive_of(const std::string& pickle, const std::string& data = std::string(8, '\0')) {
  return make_zip({{"a/data.pkl", pickle}, {"a/data/0", data}});
}

// A pickle of {"w": tensor}, with what its call says about it written out in opcodes.
std::string tensor_pickle(const std::string& storage, const std::string& elements, const std::string& offset,
                          const std::string& shape, const std::string& strides) {
  const std::string function = "ctorch._utils\n_rebuild_tensor_v2\n";
  const std::string id = "(X\x07" + std::string(3, '\0') + "storagec" + storage + "X\x01" + std::string(3, '\0') +
                         "0X\x03" + std::string(3, '\0') + "cpu" + elements + "tQ";
  return "\x80\x02}X\x01" + std::string(3, '\0') + "w" + function + "(" + id + offset + shape + strides + "\x89Nt" +
         "Rs.";
}

bool same_tensors(const TensorFile& found, const TensorFile& expected) {
  if (found.tensors().size() != expected.tensors().size()) return false;
  for (const auto& [name, view] : expected.tensors()) {
    const TensorView* other = found.find(name);
    INFO(name);
    CHECK(other != nullptr);
    if (other == nullptr) return false;
    CHECK(other->dtype == view.dtype);
    CHECK(other->shape == view.shape);
    CHECK(other->bytes.size() == view.bytes.size());
    CHECK((view.bytes.empty() || (other->bytes.size() == view.bytes.size() &&
                                  std::memcmp(other->bytes.data(), view.bytes.data(), view.bytes.size()) == 0)));
  }
  return true;
}

}  // namespace

TEST_CASE("PyTorch files hold the tensors that their safetensors copies hold") {
  std::size_t read = 0;
  for (const auto& entry : fs::directory_iterator(files)) {
    if (entry.path().extension() != ".pt" || entry.path().filename().string().starts_with("refused_")) continue;
    INFO(entry.path());
    const SafetensorsFile expected =
        SafetensorsFile::open(fs::path(entry.path()).replace_extension(".safetensors").string());
    CHECK(same_tensors(*open_tensor_file(entry.path().string()), expected));
    const std::string bytes = content(entry.path());
    CHECK(same_tensors(parse_torch(bytes), expected));
    ++read;
  }
  CHECK(read == 9);
}

TEST_CASE("tensors of one storage lie where they lie in the file, others are copied into order and can be read") {
  const std::string bytes = content(files / "views.pt");
  const TorchFile file = parse_torch(bytes);
  CHECK(file.find("tied")->bytes.data() == file.find("base")->bytes.data());
  CHECK(file.find("rows")->bytes.data() == file.find("base")->bytes.data() + 24);
  const auto inside = [&](const char* name) {
    const auto* at = reinterpret_cast<const char*>(file.find(name)->bytes.data());
    return at >= bytes.data() && at < bytes.data() + bytes.size();
  };
  CHECK(inside("parameter"));
  CHECK(inside("one_row"));
  CHECK_FALSE(inside("transposed"));
  // From a mapping too, whose pages are given back after a read: a copy's must not be.
  const auto mapped = open_tensor_file((files / "views.pt").string());
  std::vector<float> values(24);
  for (int repeat = 0; repeat < 2; ++repeat) {
    mapped->read_float32("transposed", values.data(), {6, 4});
    CHECK(values[1] == 6.0f);
    CHECK(values[4] == 1.0f);
  }
}

TEST_CASE("a checkpoint of PyTorch files: one, shards, a head beside it") {
  TemporaryFolder folder;
  const auto opening = [&] { return refusal([&] { Checkpoint::open(folder.path.string()); }); };
  fs::copy_file(files / "state_dict.pt", folder.file("pytorch_model-00001-of-00002.bin"));
  fs::copy_file(files / "protocol_4.pt", folder.file("pytorch_model-00002-of-00002.bin"));
  const auto put_index = [&](const std::string& entries) {
    folder.put("pytorch_model.bin.index.json", "{\"weight_map\":{" + entries + "}}");
  };
  put_index(R"("dense.weight":"pytorch_model-00001-of-00002.bin","network.0.bias":"pytorch_model-00002-of-00002.bin")");
  Checkpoint shards = Checkpoint::open(folder.path.string());
  CHECK(shards.find("network.0.weight")->shape == std::vector<std::int64_t>{2, 2});
  CHECK(shards.file_of("dense.weight") == folder.file("pytorch_model-00001-of-00002.bin"));
  fs::copy_file(files / "wrapped.pt", folder.file("regression_layer.pt"));
  shards.add_file(folder.file("regression_layer.pt"), "regression_layer.");
  std::vector<float> values(4);
  shards.read_float32("regression_layer.network.0.weight", values.data(), {2, 2});
  CHECK(shards.file_of("regression_layer.network.0.weight") == folder.file("regression_layer.pt"));
  put_index(R"("dense.weight":"model.safetensors")");
  CHECK(contains(opening(), "is not the name of a .bin file in its folder"));
  put_index(R"("dense.weight":"pytorch_model-00002-of-00002.bin")");
  CHECK(contains(opening(), "tensor \"dense.weight\" is in pytorch_model-00002-of-00002.bin, but it is not there"));
  put_index(R"("a":"pytorch_model-3.bin")");
  CHECK(contains(opening(), "files that pytorch_model.bin.index.json lists, the first of them pytorch_model-3.bin"));

  fs::copy_file(files / "nested.pt", folder.file("pytorch_model.bin"));
  CHECK(Checkpoint::open(folder.path.string()).names() ==
        std::vector<std::string>{"gating.layers.0", "logit_scale", "regression.weight"});
  folder.put("model.safetensors", small_file());
  CHECK(Checkpoint::open(folder.path.string()).names() == std::vector<std::string>{"a"});
}

TEST_CASE("what is no file of plain tensors is refused by what it asks for, and nothing is run") {
  const std::pair<const char*, const char*> sentences[] = {
      {"legacy", "before version 1.6, which is not supported. Convert it in Python"},
      {"command",
       "asks for the Python object \"posix.system\", which no file of plain tensors needs and which is not run"},
      {"module", "asks for the Python object \"torch.nn.modules.linear.Linear\""},
      {"arguments", "asks for the Python object \"argparse.Namespace\""},
      {"expanded", "Tensor \"weight\" in"},
      {"single", "holds a single tensor without a name"},
      {"list", "holds tensors or dicts in a list"},
      {"two_models", "holds two models, one of them under \"state_dict\""},
      {"number_key", "has a key that is no text"},
      {"script", "is a TorchScript program"},
      {"compressed", "is compressed, which torch.save does not do"},
  };
  for (const auto& [name, sentence] : sentences) {
    const std::string path = (files / ("refused_" + std::string(name) + ".pt")).string();
    const std::string error = refusal([&] { open_tensor_file(path); });
    CHECK(contains(error, sentence));
    CHECK(contains(error, path));
  }
  CHECK(contains(torch_refusal("\x80\x04N."), "is a plain Python pickle"));
  CHECK(contains(torch_refusal("version https://git-lfs.github.com/spec/v1\n"), "only a Git LFS pointer"));
  CHECK(contains(torch_refusal("<html>"), "is a web page"));
  CHECK(contains(torch_refusal("GGUF\x03"), "is a GGUF file"));
  CHECK(contains(torch_refusal("\x1f\x8b\x08"), "is compressed (gzip)"));
  CHECK(contains(torch_refusal("weights"), "is no PyTorch file"));
  CHECK(contains(torch_refusal(make_zip({{"a/b", ""}})), "none that torch.save wrote"));
  CHECK(contains(torch_refusal(make_zip({{"a/data.pkl", ""}, {"b/data.pkl", ""}})), "holds the pickles of two files"));
  CHECK(
      contains(torch_refusal(make_zip({{"a/data.pkl", "\x80\x02}."}, {"a/byteorder", "big"}})), "byte order \"big\""));
  TemporaryFolder folder;
  CHECK(contains(refusal([&] { open_tensor_file(folder.put("value_head.bin", "")); }), "is empty"));
}

TEST_CASE("a file is read as what it holds, whatever its name") {
  TemporaryFolder folder;
  CHECK(open_tensor_file(folder.put("pytorch_model.bin", small_file()))->find("a") != nullptr);
  fs::copy_file(files / "nested.pt", folder.file("model.safetensors"));
  CHECK(open_tensor_file(folder.file("model.safetensors"))->find("logit_scale") != nullptr);
}

TEST_CASE("a tensor that its storage does not hold is refused") {
  const std::string floats = "torch\nFloatStorage\n", two = "K\x02\x85", one = "K\x01\x85";
  CHECK(parse_torch(archive_of(tensor_pickle(floats, "K\x02", std::string("K\0", 2), two, one))).find("w")->shape ==
        std::vector<std::int64_t>{2});
  const auto refused = [&](const std::string& storage, const std::string& elements, const std::string& offset,
                           const std::string& shape, const std::string& strides) {
    return torch_refusal(archive_of(tensor_pickle(storage, elements, offset, shape, strides)));
  };
  const std::string zero("K\0", 2), largest = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", huge = largest + "\x85",
                                    minus_one = std::string("J\xff\xff\xff\xff");
  CHECK(contains(refused(floats, "K\x03", zero, two, one), "has 8 bytes, not as many as its description says"));
  CHECK(contains(refused("torch\nDoubleStorage\n", "K\x01", zero, two, one), "reaches beyond its storage of 8 bytes"));
  CHECK(contains(refused(floats, "K\x02", "K\x01", two, one), "reaches beyond its storage"));
  CHECK(contains(refused(floats, "K\x02", zero, two, two), "reaches beyond its storage"));
  CHECK(contains(refused(floats, "K\x02", zero, huge, one), "reaches beyond its storage"));
  CHECK(contains(refused(floats, "K\x02", zero, two, huge), "reaches beyond its storage"));
  CHECK(contains(refused(floats, "K\x02", largest, two, one), "reaches beyond its storage"));
  CHECK(contains(refused(floats, largest, zero, two, one), "not as many as its description says"));
  CHECK(contains(refused(floats, "K\x02", minus_one, two, one), "is not described as tensors are"));
  CHECK(contains(refused(floats, "K\x02", zero, minus_one + "\x85", one), "is not described as tensors are"));
  CHECK(contains(refused(floats, "K\x02", zero, two, ")"), "is not described as tensors are"));
  CHECK(contains(refused("torch.storage\nUntypedStorage\n", "K\x08", zero, two, one),
                 "lies in a storage without a type"));
  CHECK(contains(torch_refusal(make_zip({{"a/data.pkl", tensor_pickle(floats, "K\x02", zero, two, one)}})),
                 "it has no entry \"data/0\""));
}

TEST_CASE("pickles that lie, loop or never end are refused") {
  const auto pickled = [](const std::string& opcodes) { return torch_refusal(archive_of("\x80\x02" + opcodes)); };
  CHECK(contains(pickled(""), "ends in the middle of a value"));
  CHECK(contains(pickled("}"), "ends in the middle of a value"));
  CHECK(contains(pickled("."), "ends with more or less than one value"));
  CHECK(contains(pickled("(t"), "ends in the middle"));
  CHECK(contains(pickled("t."), "a mark that is not there"));
  CHECK(contains(pickled("\x85."), "takes a value that is not there"));
  CHECK(contains(pickled("}(q"), "ends in the middle"));
  CHECK(contains(pickled("h\x05."), "refers to a value that it has not stored"));
  CHECK(contains(pickled("NNR."), "calls something that is no function"));
  CHECK(contains(pickled("](Nu."), "sets a key without a value"));
  CHECK(contains(pickled("](NNu."), "sets keys on something that is no dict"));
  CHECK(contains(pickled("}Na."), "appends to something that is no list"));
  CHECK(contains(pickled("N)\x81."), "has the opcode 0x81"));
  CHECK(contains(pickled("I1\n."), "has the opcode 0x49"));
  CHECK(contains(pickled(std::string("X\xff\xff\xff\xff", 5)), "ends in the middle"));
  CHECK(contains(pickled("\x8a\x09"), "more than 64 bits"));
  CHECK(contains(pickled("c" + std::string(1000, 'x')), "a name without an end"));
  CHECK(contains(pickled("cos\nsystem\n"), "asks for the Python object \"os.system\""));
  CHECK(contains(pickled("\x8c\x02os\x8c\x06system\x93."), "asks for the Python object \"os.system\""));
  CHECK(contains(pickled("ctorch._utils\n_rebuild_tensor_v2\n)R}b."),
                 "sets the state of an object of the class \"torch._utils._rebuild_tensor_v2\""));
  const std::string key("X\x01\0\0\0k", 6);
  CHECK(contains(pickled("}q\x01" + key + "h\x01s."), "nests dicts deeper than 16"));  // a dict in itself
  CHECK(contains(pickled("}q\x01X\x05" + std::string(3, '\0') + "model" + "h\x01s."), "nests dicts deeper than 16"));
  CHECK(contains(pickled(std::string(5'000'000, 'N')), "more values than any model has"));
  CHECK(contains(pickled(std::string(5'000'000, ']')), "more values than any model has"));
  CHECK(contains(pickled(std::string(5'000'000, '(')), "more values than any model has"));
  CHECK(contains(pickled("N" + std::string(2'000'000, '\x85') + "."),
                 "something that is no dict"));  // nested, freed without a deep stack
  // Ten dicts, each with the one before under eight keys: 8^10 by reference.
  std::string powers = "}q" + std::string(1, '\0');
  for (char i = 0; i < 10; ++i) {
    powers += "}q" + std::string(1, static_cast<char>(i + 1)) + "(";
    for (int repeat = 0; repeat < 8; ++repeat) powers += key + "h" + i;
    powers += "u";
  }
  CHECK(contains(pickled("}" + key + "((" + powers + "tts" + key + "h\x0as."), "holds more than 1000000 values"));
}

TEST_CASE("every file cut anywhere is refused, and with any byte changed read or refused") {
  for (const auto& entry : fs::directory_iterator(files)) {
    if (entry.path().extension() != ".pt") continue;
    const std::string whole = content(entry.path());
    for (std::size_t length = 0; length < whole.size(); ++length) CHECK(torch_refusal(whole.substr(0, length)) != "");
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (const int change : {0x01, 0x80, 0xff}) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ change);
        const std::string error = torch_refusal(flipped);
        if (error.size() > 2000) FAIL_CHECK(error);
      }
  }
}

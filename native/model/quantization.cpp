#include "model/quantization.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace cheems::model {
namespace {

using storage::Checkpoint;

constexpr const char* kRemedy = "Use the original weights, in bfloat16, float16 or float32.";

// The suffixes of the methods' tensors. If several methods share a suffix, they are named together.
struct Ending {
  std::string_view text;
  const char* method;
};
constexpr Ending kEndings[] = {
    {".qweight", "GPTQ or AWQ"},
    {".qzeros", "GPTQ or AWQ"},
    {".g_idx", "GPTQ"},
    {".weight_packed", "compressed-tensors"},
    {".weight_scale", "compressed-tensors or FP8"},
    {".weight_scale_2", "ModelOpt"},
    {".weight_scale_inv", "FP8"},
    {".SCB", "bitsandbytes, 8 bits"},
    {".absmax", "bitsandbytes, 4 bits"},
    {".quant_map", "bitsandbytes, 4 bits"},
    {".quant_state.bitsandbytes__nf4", "bitsandbytes, 4 bits"},
    {".quant_state.bitsandbytes__fp4", "bitsandbytes, 4 bits"},
    {"_proj_blocks", "MXFP4"},
    {".W_q", "HQQ"},
    {".codebooks", "AQLM"},
    {".weight_scales", "EETQ"},
    {".weight._data", "Quanto"},
};

struct QuantizedTensor {
  std::string name, method;
};

std::optional<QuantizedTensor> first_quantized(const Checkpoint& checkpoint) {
  for (const std::string& name : checkpoint.names()) {
    for (const Ending& ending : kEndings) {
      if (name.ends_with(ending.text)) return QuantizedTensor{name, ending.method};
    }
    // MLX packs a matrix as whole numbers under its own name, with scales and biases for its groups beside it.
    constexpr std::string_view scales = ".scales";
    if (name.ends_with(scales) && checkpoint.find(name.substr(0, name.size() - scales.size()) + ".biases"))
      return QuantizedTensor{name, "MLX"};
    const std::string& dtype = checkpoint.find(name)->dtype;
    if (dtype.starts_with("F8_") || dtype.starts_with("F4") || dtype.starts_with("F6_"))
      return QuantizedTensor{name, dtype};
  }
  return std::nullopt;
}

// "gptq, 4 bits", as far as the configuration says.
std::string method_of(const nlohmann::json& quantization, const char* otherwise) {
  const auto text = [&](const char* key) {
    return quantization.contains(key) && quantization[key].is_string() ? quantization[key].get<std::string>()
                                                                       : std::string();
  };
  const auto is_set = [&](const char* key) { return quantization.contains(key) && quantization[key] == true; };
  if (!quantization.is_object()) return otherwise;
  std::string method = text("quant_method");
  if (method.empty()) method = is_set("load_in_4bit") || is_set("load_in_8bit") ? "bitsandbytes" : otherwise;
  if (is_set("load_in_4bit")) return method + ", 4 bits";
  if (is_set("load_in_8bit")) return method + ", 8 bits";
  const char* bits = quantization.contains("bits") ? "bits" : "w_bit";
  if (quantization.contains(bits) && quantization[bits].is_number_integer())
    method += ", " + quantization[bits].dump() + " bits";
  return method;
}

// The tensor that shows it; an empty name if all are plain; nothing if the weights cannot be opened.
std::optional<std::string> quantized_tensor_beside(const std::string& config_file) {
  try {
    const auto found = first_quantized(Checkpoint::open(std::filesystem::path(config_file).parent_path().string()));
    return found ? found->name : "";
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

void refuse_quantized_config(const ConfigJson& config) {
  const char* key = config.has("quantization_config") ? "quantization_config" : "quantization";
  if (!config.has(key)) return;
  const auto& quantization = config.json()[key];
  // MLX writes both keys, without the name of a method.
  const std::string method = method_of(quantization, config.has("quantization") ? "MLX" : "an unnamed method");
  const auto tensor = quantized_tensor_beside(config.file());
  if (tensor && tensor->empty()) {
    fail(config.file(), ": \"", key, "\" says that the weights are quantized (", method,
         "), but all tensors beside it are plain numbers. If they were made plain "
         "by dequantizing or merging, remove the key; if config.json belongs to other weights, use the right one. "
         "This engine does not quantize; it computes in bfloat16 or float32.");
  }
  fail(config.file(), ": the weights are quantized (", method, "; \"", key, "\")",
       tensor ? ", as tensor " + in_quotes(*tensor) + " shows" : "", ", which this engine does not compute with. ",
       kRemedy);
}

void refuse_quantized_tensors(const Checkpoint& checkpoint) {
  if (const auto found = first_quantized(checkpoint)) {
    fail(checkpoint.file_of(found->name), ": tensor ", in_quotes(found->name), " is one of quantized weights (",
         found->method, "), which this engine does not compute with. ", kRemedy);
  }
}

}  // namespace cheems::model

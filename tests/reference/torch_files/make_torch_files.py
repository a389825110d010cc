"""Files of torch.save for the tests of the engine's reader, small, and what stands in them as safetensors.

    python make_torch_files.py      # beside this file; needs torch and safetensors

NAME.pt is to be read as NAME.safetensors; refused_*.pt are to be refused.
"""
import argparse
import collections
import io
import os
import struct
import zipfile

import torch
from safetensors.torch import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.manual_seed(7)


def write(name, saved, expected, **options):
    torch.save(saved, name + ".pt", **options)
    describe(name, expected)


def describe(name, expected):
    # Of their own, in order: safetensors has no tensors that share bytes.
    save_file({key: value.detach().clone().contiguous() for key, value in expected.items()}, name + ".safetensors")


# A state dict as nn.Module makes it: an OrderedDict with _metadata, parameters' data, batch norm's int64 scalar.
module = torch.nn.Sequential(collections.OrderedDict(dense=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2)))
module(torch.randn(5, 3))
assert hasattr(module.state_dict(), "_metadata")
write("state_dict", module.state_dict(), module.state_dict())

# Every kind of storage, scalars, empty tensors.
kinds = {
    "float32": torch.randn(2, 3), "float16": torch.randn(5).half(), "bfloat16": torch.randn(4).bfloat16(), "float64": torch.randn(2).double(),
    "int64": torch.tensor(-3), "int32": torch.tensor([1, -2], dtype=torch.int32), "int16": torch.tensor([300], dtype=torch.int16),
    "int8": torch.tensor([-1, 2], dtype=torch.int8), "uint8": torch.tensor([255], dtype=torch.uint8), "bool": torch.tensor([True, False]),
    "uint16": torch.tensor([1, 2], dtype=torch.uint16), "float8": torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn),
    "scalar": torch.tensor(1.5), "empty": torch.empty(0, 4), "权重": torch.ones(1),
}
write("kinds", kinds, kinds)

# Tied and sliced tensors of one storage, parameters, views that are not row-major.
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
views = {
    "base": base, "tied": base, "rows": base[1:3], "parameter": torch.nn.Parameter(base), "transposed": base.T, "columns": base[:, 1:3],
    "every_other": base[::2], "permuted": base.reshape(2, 3, 4).permute(2, 0, 1), "one_column": base[:, 5:6], "one_row": base[3:4], "diagonal": base.diagonal(),
}
write("views", views, views)

# What trainers put around a model, and dicts in dicts.
head = {"network.0.weight": torch.randn(2, 2), "network.0.bias": torch.randn(2)}
write("wrapped", {"epoch": 3, "loss": 0.25, "names": ["a", "b"], "optimizer": {"state": {0: {"step": torch.tensor(1)}}}, "state_dict": {"module": head}}, head)
write("nested", {"regression": collections.OrderedDict(weight=torch.ones(2)), "gating": {"layers": {"0": torch.zeros(3)}}, "logit_scale": torch.tensor(2.0)},
      {"regression.weight": torch.ones(2), "gating.layers.0": torch.zeros(3), "logit_scale": torch.tensor(2.0)})

# A later protocol, an archive without a file's name, one without checksums.
write("protocol_4", head, head, pickle_protocol=4)
buffer = io.BytesIO()
torch.save(head, buffer)
open("from_memory.pt", "wb").write(buffer.getvalue())
describe("from_memory", head)
torch.serialization.set_crc32_options(False)
write("without_checksums", head, head)
torch.serialization.set_crc32_options(True)


def with_wide_directory(source):
    """The same archive with a ZIP64 directory, as archives of more than 4 GiB have."""
    end = source.rindex(b"PK\x05\x06")
    count, size, begin = struct.unpack("<HII", source[end + 10:end + 20])
    directory, at = b"", begin
    for _ in range(count):
        fixed, (name, extra, comment) = source[at:at + 46], struct.unpack("<HHH", source[at + 28:at + 34])
        compressed, plain, offset = *struct.unpack("<II", fixed[20:28]), *struct.unpack("<I", fixed[42:46])
        wide = struct.pack("<HHQQQ", 1, 24, plain, compressed, offset)
        directory += fixed[:20] + b"\xff" * 8 + struct.pack("<HH", name, len(wide)) + fixed[32:42] + b"\xff" * 4 + source[at + 46:at + 46 + name] + wide
        at += 46 + name + extra + comment
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45, 0, 0, count, count, len(directory), begin)
    locator = struct.pack("<IIQI", 0x07064b50, 0, begin + len(directory), 1)
    return source[:begin] + directory + end64 + locator + struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0)


wide = with_wide_directory(open("state_dict.pt", "rb").read())
open("zip64.pt", "wb").write(wide)
describe("zip64", module.state_dict())
assert torch.load("zip64.pt", weights_only=True).keys() == module.state_dict().keys()

# What is refused.
class Command:
    def __reduce__(self): return os.system, ("touch /tmp/this-file-must-never-exist",)


torch.save(head, "refused_legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"weight": torch.ones(2), "command": Command()}, "refused_command.pt")
torch.save(torch.nn.Linear(2, 2), "refused_module.pt")
torch.save({"weight": torch.ones(2), "arguments": argparse.Namespace(epochs=3)}, "refused_arguments.pt")
torch.save({"weight": torch.ones(1).expand(1000)}, "refused_expanded.pt")
torch.save(torch.ones(2), "refused_single.pt")
torch.save({"layers": [torch.ones(2)]}, "refused_list.pt")
torch.save({"model": head, "state_dict": dict(head)}, "refused_two_models.pt")
torch.save({0: torch.ones(2)}, "refused_number_key.pt")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), "refused_script.pt")
with zipfile.ZipFile("refused_compressed.pt", "w", zipfile.ZIP_DEFLATED) as out, zipfile.ZipFile("state_dict.pt") as source:
    for entry in source.namelist(): out.writestr(entry, source.read(entry))

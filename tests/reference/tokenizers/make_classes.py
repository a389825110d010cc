"""Where AutoTokenizer gives other ids than tokenizer.json: {kind: {class: texts that differ}}; null where it fails.

    python make_classes.py      # beside this file; needs transformers 5 (made with 5.24.0) and kinds.json.gz
"""
import gzip, json, os, pathlib, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
transformers.utils.logging.set_verbosity(50)
recorded = json.loads(gzip.decompress((HERE / "kinds.json.gz").read_bytes()))
strings = recorded["strings"][:500]
CLASSES = ["LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend", "GemmaTokenizer", "GemmaTokenizerFast",
           "Qwen2Tokenizer", "Qwen2TokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast", "DebertaV2Tokenizer", "DebertaV2TokenizerFast"]
KINDS = ["llama", "metaspace", "metaspace_never", "gemma", "qwen", "llama3", "gpt2", "gpt2_prefix", "deepseek", "unigram", "unigram_first"]
found = {}
for kind in KINDS:
    file = json.loads(json.dumps(recorded["kinds"][kind]["tokenizer"]).replace('"the charsmap"', json.dumps(recorded["charsmap"])))
    own = [Tokenizer.from_str(json.dumps(file)).encode(text, add_special_tokens=False).ids for text in strings]
    found[kind] = {}
    for name in CLASSES:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "tokenizer.json").write_text(json.dumps(file))
            special = {"unk_token": "[UNK]", "pad_token": "[PAD]"} if "unigram" in kind else {"bos_token": "<s>", "eos_token": "</s>"}
            if "unk_token" in file["model"] and file["model"]["unk_token"]:
                special["unk_token"] = file["model"]["unk_token"]
            (path / "tokenizer_config.json").write_text(json.dumps({**special, "tokenizer_class": name}))
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder)
                theirs = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in strings]
                found[kind][name] = sum(a != b for a, b in zip(own, theirs))
            except Exception as error:
                found[kind][name] = None
    print(kind, found[kind])
(HERE / "classes.json").write_text(json.dumps({"texts": len(strings), "transformers": transformers.__version__, "differ": found}, indent=1) + "\n")

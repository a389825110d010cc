"""Tokenizers of every kind that reward models come with, small, and their ids by the Rust library.

    python make_tokenizers.py      # beside this file; needs tokenizers and sentencepiece

Made with tokenizers 0.23.3 and sentencepiece 0.2.3 (whose rule nmt_nfkc, under Apache 2.0, is the charsmap).
Writes kinds.json.gz: {"strings": [...], "charsmap": base64, "kinds": {name: {"tokenizer": tokenizer.json, with "the charsmap" in
its place, "ids": [[...], ...]}}}. No special tokens are added around the texts.
"""
import base64, glob, gzip, io, json, pathlib, random
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
R = random.Random(12)
CORPUS = (
    "The reward model reads a conversation and gives one number for each answer. It's trained on pairs: don't, we'll, I'm, they've.\n"
    "def score(prompts):\n\treturn [model(p) for p in prompts]  # 12345 + 3.14 = 12348.14\n"
    "奖励模型读一段对话，给每个回答一个分数。的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从\n"
    "한국어 문장도 있고, 日本語の文もある。ガギグゲゴ。Ünïcödé naïve café Straße. Привет, мир! שלום مرحبا\n"
    "    indented    text\n\n\nmany lines\r\nwindows\t\ttabs  <s> </s> [INST] x [/INST] 1 22 333 4444 55555\n"
) * 3
LINES = CORPUS.splitlines(keepends=True)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# Added tokens with every flag. Those of `normalized` are looked for in normalized text.
FLAGGED = [
    AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("<|im_end|>", special=True, normalized=False),
    AddedToken("<lstrip>", lstrip=True, normalized=False), AddedToken("<rstrip>", rstrip=True, normalized=False), AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
    AddedToken("word", single_word=True, normalized=False), AddedToken("<single>", single_word=True, normalized=False), AddedToken("分数", single_word=True, normalized=False),
    AddedToken("<norm>", normalized=True, special=False), AddedToken("<norm strip>", normalized=True, lstrip=True, rstrip=True), AddedToken("Ａ<norm>", normalized=True),
    AddedToken("<normal word>", normalized=True, single_word=True), AddedToken("<im", normalized=False), AddedToken("  ", normalized=False), AddedToken("\n\n", normalized=False),
]


def bpe(pre, normalizer=None, specials=("<unk>", "<s>", "</s>", "<pad>"), alphabet=(), size=700, **model):
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = pre
    if normalizer: t.normalizer = normalizer
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), initial_alphabet=list(alphabet), show_progress=False))
    return t


def byte_level(pattern, normalizer=None, **options):
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t = bpe(pre, normalizer, specials=["<s>", "</s>", "<pad>"], alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def gpt2(prefix=False):
    t = bpe(pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=True), None, specials=["<s>", "</s>"], alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.decoder, t.post_processor = decoders.ByteLevel(), processors.ByteLevel(trim_offsets=True)
    return t


BYTES = [f"<0x{i:02X}>" for i in range(256)]


def sentencepiece_bpe(kind):
    """Llama 2's form (normalizer alone), Metaspace as transformers writes it today, Gemma's."""
    normalizer = {"llama": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), "metaspace": None, "metaspace_never": None, "gemma": normalizers.Replace(" ", "▁")}[kind]
    t = bpe(pre_tokenizers.Metaspace(split=True), specials=["<unk>", "<s>", "</s>", *BYTES], unk_token="<unk>", byte_fallback=True, fuse_unk=True, size=900)
    t.normalizer = normalizer
    if kind == "llama": t.pre_tokenizer = None
    if kind == "metaspace": t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    if kind == "metaspace_never": t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    if kind == "gemma": t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
    if kind == "gemma": t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    # The vocabulary's byte tokens are no added tokens in such files.
    state = json.loads(t.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(state))


def charsmap():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS.splitlines() * 20), model_writer=model, vocab_size=400, model_type="unigram", normalization_rule_name="nmt_nfkc", hard_vocab_limit=False, minloglevel=2)
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto.FromString(model.getvalue())
    return proto


def unigram(scheme="always", split=True):
    proto = charsmap()
    pieces = [(p.piece, p.score) for p in proto.pieces if p.type == 1]
    t = Tokenizer(models.Unigram([("[PAD]", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[UNK]", 0.0), *pieces], 3, False))
    t.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), " ")] if scheme == "always" else [normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)])
    t.decoder = decoders.Metaspace()
    t.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[UNK]"])
    t.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [("[CLS]", 1), ("[SEP]", 2)])
    return t


def word_piece(lowercase=True):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=600, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [("[CLS]", 2), ("[SEP]", 3)])
    return t


def deepseek():
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"[\r\n]"), "isolated"), pre_tokenizers.Split(Regex(r"\s?\p{L}+"), "isolated"), pre_tokenizers.Split(Regex(r"\s?\p{P}+"), "isolated"),
                                   pre_tokenizers.Split(Regex(r"[一-龥ࠀ-一가-퟿]+"), "isolated"), pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t = bpe(pre, None, specials=["<s>", "</s>"], alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.decoder = decoders.ByteLevel()
    return t


def falcon():
    pre = pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True), pre_tokenizers.Digits(False), pre_tokenizers.Split(Regex(r"[0-9][0-9][0-9]"), "isolated")])
    t = bpe(pre, None, specials=["<s>", "</s>"], alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.decoder = decoders.ByteLevel()
    return t


def splitting(pre, normalizer=None):
    t = bpe(pre, normalizer, specials=["<unk>", "<s>", "</s>"], unk_token="<unk>")
    t.decoder = decoders.Fuse()
    return t


def unigram_bytes():
    state = json.loads(unigram("always", False).to_str())
    known = {piece for piece, _ in state["model"]["vocab"]}
    state["model"]["vocab"] += [[byte, -20.0] for byte in BYTES if byte not in known]
    state["model"]["byte_fallback"] = True
    state["normalizer"] = {"type": "NFKC"}
    return Tokenizer.from_str(json.dumps(state))


BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
P = pre_tokenizers
LOWER = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip(left=False, right=True)])
KINDS = {
    **{f"split_{b}": (lambda b=b: splitting(P.Split(Regex(r"[a-z]|\s+|\p{Han}"), b), LOWER)) for b in BEHAVIORS},
    **{f"split_{b}_inverted": (lambda b=b: splitting(P.Split(Regex(r"\w+"), b, invert=True), normalizers.Lowercase())) for b in BEHAVIORS},
    **{f"punctuation_{b}": (lambda b=b: splitting(P.Sequence([P.Punctuation(b), P.Digits(False)]))) for b in BEHAVIORS},
    "whitespace": lambda: splitting(P.Whitespace()), "whitespace_split": lambda: splitting(P.Sequence([P.WhitespaceSplit(), P.Digits(True)])), "delimiter": lambda: splitting(P.CharDelimiterSplit("e")),
    "fixed_length": lambda: splitting(P.FixedLength(3)), "metaspace_first_split": lambda: splitting(P.Metaspace(prepend_scheme="first", split=True)), "unigram_bytes": unigram_bytes,
    "qwen": lambda: byte_level(QWEN, normalizers.NFC()), "llama3": lambda: byte_level(LLAMA3, ignore_merges=True), "gpt2": gpt2, "gpt2_prefix": lambda: gpt2(True), "deepseek": deepseek, "falcon": falcon,
    "llama": lambda: sentencepiece_bpe("llama"), "metaspace": lambda: sentencepiece_bpe("metaspace"), "metaspace_never": lambda: sentencepiece_bpe("metaspace_never"), "gemma": lambda: sentencepiece_bpe("gemma"),
    "unigram": unigram, "unigram_first": lambda: unigram("first", False), "word_piece": word_piece, "word_piece_cased": lambda: word_piece(False),
}


def strings():
    pools = [
        list("的一是不了人我在有他这㐀㐁𠀀𠀁𪚥豈更車龘鿿⺀〆〇分数"), ["😀", "👩‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇨🇳", "❤️", "1️⃣"], ["e\u0301", "é", "\u0301\u0301", "ộ", "한글", "\u1112\u1161\u11ab", "は\u3099", "ﬁ", "Ⅷ", "①", "ｶﾞ", "Å", "\u0344", "\u0958", "\u2126", "ＡＢＣ", "①②", "㍿", "～", "™"],
        ["שלום", "مرحبا", "\u202eabc\u202c", "\u200f", "ﷺ", "١٢٣"], [chr(i) for i in range(1, 32)] + ["\x7f", "\x80", "\x85", "\u00a0", "\u00ad", "\u2028", "\ufeff", "\u200b", "\u200d", "\u2060", "\u3000", "\u1680", "\u180e", "\u2009", "\ufffd", "\uffff", "\ue000", "\U0010ffff", "\u0378"],
        ["0", "12345", "1,234.56", "１２３", "½", "²", "Ⅳ", "-5", "0x1F"], ["it's", "IT'S", "don’t", "we'LL", "'s", "''re", "Hello", "naïve", "Straße", "ſ's", "K", "http://a.b/c?d=e", "foo_bar", "a@b", "C++"],
        ["def f(x):\n\treturn x\n", "{\r\n c;\r\n }", "    ", "\t\t", "\r\n\r\n", "\n\n\n", " \n", "\n "], [" ", "  ", "\t", "\n", "\r\n", "\u3000", "\u00a0", "\u2003", "\x0b", "\x1c", "\x85"],
        ["<|im_start|>", "<|im_end|>", "<lstrip>", "<rstrip>", "<both>", "word", "<single>", "<norm>", "<norm strip>", "Ａ<norm>", "A<norm>", "<normal word>", "<im", "<|im_end", "<s>", "</s>", "<unk>", "[CLS]", "[UNK]", "[MASK]", "<0x0A>", "▁", "▁▁", "Ġ", "Ċ"],
    ]
    out = [piece for pool in pools for piece in pool]
    out += [" " + p for pool in pools[8:] for p in pool] + [p + " " for pool in pools[8:] for p in pool]
    for token in pools[9][:13]:
        out += [f"a{token}b", f"a {token} b", f"  {token}  ", f"{token}{token}", f"{token} {token}", f"的{token}的", f"\u3000{token}\u0085", f"_{token}1", f"\u0301{token}\u0301", f"x\ufeff{token}\ufeff", f"\n\n{token}\n\n"]
    for k in (2, 3, 7, 16, 64, 129, 300):
        out += [c * k for c in (" ", "\n", "a", "的", "=", "0", "\t", "😀", "ab", "\r\n")]
    mixed = pools[:8] + pools[8:] * 3
    while len(out) < COUNT:
        out.append("".join(R.choice(R.choice(mixed)) for _ in range(R.randint(1, 14))))
    return out


COUNT = 900


def main():
    texts = strings()
    kinds = {}
    for name, make in KINDS.items():
        t = make()
        t.add_tokens([token for token in FLAGGED])
        for padding in (t.no_padding, t.no_truncation): padding()
        kinds[name] = {"tokenizer": json.loads(t.to_str()), "ids": [t.encode(text, add_special_tokens=False).ids for text in texts]}
        print(name, t.get_vocab_size(), sum(map(len, kinds[name]["ids"])), "ids")
    charsmap_text = None
    for kind in kinds.values():
        for step in (kind["tokenizer"]["normalizer"] or {}).get("normalizers", []):
            if "precompiled_charsmap" in step:
                charsmap_text, step["precompiled_charsmap"] = step["precompiled_charsmap"], "the charsmap"
    data = json.dumps({"strings": texts, "charsmap": charsmap_text, "kinds": kinds}, separators=(",", ":")).encode()
    (HERE / "kinds.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    print(len(texts), "strings,", len(kinds), "kinds,", len(texts) * len(kinds), "tokenizations,", (HERE / "kinds.json.gz").stat().st_size, "bytes")


main()

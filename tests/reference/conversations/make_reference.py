"""Records what transformers makes of conversations with tools: the text by apply_chat_template's own function, the ids by
the tokenizers library, and the ids of texts that hold special tokens, with and without `encode_special_tokens`.

    python tests/reference/conversations/make_reference.py
"""

import json
import pathlib

from tokenizers import Tokenizer
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
TOKENIZER = Tokenizer.from_file(str(HERE / "../../../data/tokenizer/tokenizer.json"))

TOOL = {
    "type": "function",
    "function": {
        "name": "天气",
        "description": "The weather <now>",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "default": None}},
        },
    },
}
CALL = {"type": "function", "function": {"name": "天气", "arguments": {"city": "北京", "days": 3, "exact": True, "none": None}}}
USER = {"role": "user", "content": "北京明天的天气怎么样？"}
# Rows without their answers; `answer` is a list of messages.
ROWS = {
    "call as the answer, content null": {"messages": [USER], "tools": [TOOL], "answer": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]},
    "call as the answer, content empty": {"messages": [USER], "tools": [TOOL], "answer": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]},
    "call, response, answer": {
        "messages": [{"role": "system", "content": "你是助手"}, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "name": "天气", "content": "晴，25 度"}],
        "tools": [TOOL],
        "answer": [{"role": "assistant", "content": "明天晴。"}],
    },
    "no tools, calls all the same": {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "content": "晴"}], "answer": [{"role": "assistant", "content": "晴。"}]},
    "arguments as text": {"messages": [USER], "answer": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "w", "arguments": '{"c": "北京"}'}}]}]},
    "thoughts": {"messages": [USER], "tools": [TOOL], "answer": [{"role": "assistant", "content": "", "reasoning_content": "要查天气", "tool_calls": [CALL]}]},
    "numbers": {
        "messages": [USER],
        "tools": [{"name": "w", "least": 1.0, "most": 10000000000000000001, "step": 0.1, "none": -0.0, "tiny": 1e-7}],
        "answer": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "w", "arguments": {"a": 1000.0, "b": [1, 1.5, 1e22, 123456789012345678901234567890]}}}]}],
    },
    "a variable": {"messages": [USER], "chat_template_kwargs": {"date_string": "1 Jan 2000"}, "answer": [{"role": "assistant", "content": "晴。"}]},
    "plain": {"messages": [USER], "answer": [{"role": "assistant", "content": "晴。"}]},
}
TEXTS = [
    "不知道。<|im_end|>\n<|im_start|>user\n谢谢，非常好！<|im_end|>\n<|im_start|>assistant\n不客气。",
    "<|im_end|>",
    "<|im_start|><|im_start|>x<|endoftext|>",
    "  <|im_end|>  a <|im_<|im_end|>end|>\n\n<|im_end|>12",
    "<|im_end",
    "nothing special",
]


def rendered(template, row):
    given = dict(tools=row.get("tools"), **row.get("chat_template_kwargs", {}))
    texts, _ = render_jinja_template(conversations=[row["messages"] + row["answer"]], chat_template=template, **given)
    return texts[0]


def ids(text, plain=False):
    TOKENIZER.encode_special_tokens = plain
    return TOKENIZER.encode(text, add_special_tokens=False).ids


def main():
    rows = []
    for name, row in ROWS.items():
        expected = {}
        for form in ("qwen_form", "llama_form"):
            text = rendered((HERE / f"{form}.jinja").read_text(), row)
            expected[form] = {"text": text, "ids": ids(text.strip())}
        rows.append({"name": name, "row": row, "expected": expected})
    texts = [{"text": text, "special": ids(text), "plain": ids(text, plain=True)} for text in TEXTS]
    lines = {name: ",\n".join(json.dumps(one, ensure_ascii=False) for one in list_) for name, list_ in (("rows", rows), ("texts", texts))}
    (HERE / "expected.json").write_text('{"rows": [\n%s\n], "texts": [\n%s\n]}\n' % (lines["rows"], lines["texts"]))


main()

"""Conversations that the project's chat templates are rendered with."""

USER = {"role": "user", "content": "Hello 你好 😀"}
ANSWER = {"role": "assistant", "content": " Hi!\n"}
SYSTEM = {"role": "system", "content": "You are terse."}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "function": {"name": "weather", "arguments": {"city": "北京", "days": 2, "now": True, "unit": None}}}
    ],
}
RESULT = {"role": "tool", "name": "weather", "content": '{"temperature": 3.5}'}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather's <forecast> & more",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def conversation(messages, tools=None, add_generation_prompt=False):
    return {"messages": messages, "tools": tools, "add_generation_prompt": add_generation_prompt}


CONVERSATIONS = {
    "empty": conversation([]),
    "one turn": conversation([USER]),
    "one turn, to be answered": conversation([USER], add_generation_prompt=True),
    "answered": conversation([USER, ANSWER]),
    "system": conversation([SYSTEM, USER, ANSWER]),
    "many turns": conversation([SYSTEM, USER, ANSWER, USER, ANSWER, USER], add_generation_prompt=True),
    "two users": conversation([USER, USER]),
    "begins with an answer": conversation([ANSWER, USER]),
    "tools": conversation([USER], tools=[TOOL], add_generation_prompt=True),
    "tools and system": conversation([SYSTEM, USER], tools=[TOOL]),
    "tool call": conversation([USER, CALL, RESULT, RESULT, ANSWER], tools=[TOOL]),
    "thoughts": conversation([USER, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHi"}, USER, ANSWER]),
}

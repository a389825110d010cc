"""Records what transformers' Jinja environment makes of templates: recorded.json beside this file.

    python make_reference.py            # needs transformers and jinja2
    python make_reference.py --check    # fails where the record is another

Templates: those of snippets.py, whole and expression by expression, with its VARIABLES; and every chat template of the
project with the conversations of conversations.py.
"""

import json
import re
import sys
from pathlib import Path

import jinja2
import transformers
from transformers.utils.chat_template_utils import _compile_jinja_template

from conversations import CONVERSATIONS
from snippets import SNIPPETS, VARIABLES

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# Addresses in memory, and what hangs on chance.
UNREPEATABLE = re.compile(r"object at 0x|of \w+ object at|object \w+ at|<class '|<function |\blipsum\b")
TEMPLATES = ["data/chat_templates/*.jinja", "tests/reference/**/chat_template.jinja"]
CONFIGS = ["data/tokenizer/tokenizer_config.json", "tests/reference/**/tokenizer_config.json"]


def render(template, variables):
    """The text; None where jinja2 raises."""
    try:
        return _compile_jinja_template(template).render(**json.loads(json.dumps(variables)))
    except Exception:
        return None


def expressions(snippet):
    """Each {{ }} of a snippet that has nothing else."""
    if "{%" in snippet or "{#" in snippet or "\n" in snippet:
        return []
    found = re.findall(r"\{\{.*?\}\}(?=\{\{|\||$|[^}])", snippet)
    return found if len(found) > 1 else []


def record_snippets():
    seen = {}
    for snippet in SNIPPETS:
        for template in [snippet, *expressions(snippet)]:
            # The project hides the clock from templates.
            if template in seen or "strftime_now" in template:
                continue
            text = render(template, VARIABLES)
            if text is None or not UNREPEATABLE.search(text):
                seen[template] = text
    return [[template, text] for template, text in seen.items()]


def project_templates():
    found = {}
    for pattern in TEMPLATES:
        for path in sorted(ROOT.glob(pattern)):
            found[str(path.relative_to(ROOT))] = path.read_bytes().decode()
    for pattern in CONFIGS:
        for path in sorted(ROOT.glob(pattern)):
            template = json.loads(path.read_text()).get("chat_template")
            if isinstance(template, str):
                found[str(path.relative_to(ROOT))] = template
    return found


def record_templates():
    return {
        path: [[name, render(template, {**VARIABLES, **conversation})] for name, conversation in CONVERSATIONS.items()]
        for path, template in project_templates().items()
    }


def main():
    recorded = {
        "made_with": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
        "variables": VARIABLES,
        "conversations": CONVERSATIONS,
        "snippets": record_snippets(),
        "templates": record_templates(),
    }
    text = json.dumps(recorded, ensure_ascii=True, indent=0) + "\n"
    target = HERE / "recorded.json"
    if "--check" in sys.argv:
        sys.exit(0 if target.read_text() == text else f"{target} is not what this environment gives")
    target.write_text(text)
    print(f"{len(recorded['snippets'])} snippets, {len(recorded['templates'])} templates of the project")


if __name__ == "__main__":
    main()

"""Renders random small templates with jinja2 and with this project, and prints those that differ.

    python compare_random.py COUNT SEED     # needs transformers and jinja2, and the project compiled
"""

import json
import random
import subprocess
import sys
from pathlib import Path

from make_reference import ROOT, UNREPEATABLE, render
from snippets import VARIABLES

RENDERER = """
const { JinjaTemplate, JinjaError } = require('./dist/jinja');
const { templates, variables } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const render = (template) => {
  try { return { text: new JinjaTemplate(template).render(variables) }; }
  catch (error) { return error instanceof JinjaError ? { error: error.message } : { fault: error.stack }; }
};
process.stdout.write(JSON.stringify(templates.map(render)));
"""
NAMES = ["a", "b", "messages", "m", "data", "ns.v", "tree", "nope", "x", "bos_token"]
CONSTANTS = ["0", "1", "-2", "3", "2.5", "1.0", "1e20", "7", "10", "true", "none", "''", "'a'", "'b c'", "'A😀é'", "' x\\n'", "[]", "{}",
             "'1'", "[1, 2]", "['b', 'A']", "(1, 'a')", "{'a': 1, 'b': [2]}", "range(3)", "123456789012345678901", "'a,b,c'", "0.1"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "list", "first", "last", "join", "join(',')", "sort", "reverse", "string",
           "int", "float", "abs", "round", "round(1)", "tojson", "tojson(indent=2)", "unique|list", "default('d')", "default('d', true)", "sum", "max",
           "min", "replace('a', 'b')", "dictsort", "items|list", "map('string')|list", "map(attribute='role')|list", "select|list", "reject|list",
           "selectattr('role', 'equalto', 'user')|list", "batch(2)|list", "slice(2)|list", "indent", "indent(2, true)", "center(9)", "wordcount",
           "e", "truncate(5)", "groupby('role')", "wordwrap(3)", "urlencode", "map('length')|list", "sort(reverse=true)", "format(1)", "pprint"]
METHODS = ["upper()", "strip()", "split()", "split(',')", "title()", "splitlines()", "startswith('a')", "endswith(('a', 'c'))", "find('a')", "count('a')",
           "replace('a', 'x')", "items()", "keys()|list", "get('a')", "get('z', 1)", "isdigit()", "partition(',')", "rsplit(' ', 1)", "zfill(5)", "index(1)",
           "join(['p', 'q'])", "capitalize()", "rstrip('c')", "role", "content", "a", "b", "name", "kids", "list", "swapcase()", "isupper()", "format(1)"]
TESTS = ["defined", "none", "string", "number", "mapping", "sequence", "iterable", "odd", "even", "divisibleby 3", "integer", "float", "true", "in [1, 'a']",
         "eq 1", "boolean", "lower", "callable", "undefined", "sameas none", "ge 1"]
INDICES = ["0", "-1", "1", "1:", ":2", "::-1", "'a'", "'role'", "-2:", "::2", "5", "true"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, items):
        return self.random.choice(items)

    def expression(self, depth):
        roll = self.random.random()
        if depth <= 0 or roll < 0.2:
            return self.one(CONSTANTS + NAMES * 2)
        inner = lambda: self.expression(depth - 1)
        if roll < 0.4:
            operator = self.one(OPERATORS)
            # Python would compute 10 ** 123456789012345678901.
            return f"({inner()} {operator} {self.one(['2', '3', '-1', '0.5', 'true']) if operator == '**' else inner()})"
        if roll < 0.6:
            return f"({inner()})|{self.one(FILTERS)}"
        if roll < 0.72:
            return f"({inner()}).{self.one(METHODS)}"
        if roll < 0.8:
            return f"({inner()})[{self.one(INDICES)}]"
        if roll < 0.88:
            return f"({inner()} is {self.one(['', 'not '])}{self.one(TESTS)})"
        if roll < 0.92:
            return f"({inner()} if {inner()} else {inner()})" if roll < 0.91 else f"({inner()} if {inner()})"
        if roll < 0.95:
            return f"[{inner()}, {inner()}]"
        if roll < 0.97:
            return f"{{'a': {inner()}, 'b': {inner()}}}"
        return self.one([f"not {inner()}", f"-({inner()})", f"f({inner()})", f"dict(a={inner()})", f"loop.{self.one(LOOP)}"])

    def space(self):
        return self.one(["", "", "\n", "  ", "\n  ", " \n"])

    def tag(self, text):
        left, right = self.one(["{%", "{%", "{%-", "{%+"]), self.one(["%}", "%}", "-%}", "+%}"])
        return f"{self.space()}{left} {text} {right}{self.space()}"

    def body(self, depth, in_loop=False):
        return "".join(self.statement(depth, in_loop) for _ in range(self.random.randint(1, 3)))

    def statement(self, depth, in_loop):
        roll = self.random.random()
        if depth <= 0 or roll < 0.35:
            return self.one(["x", "{{ %s }}", "[{{ %s }}]", "{{- %s -}}"]).replace("%s", self.expression(2))
        if roll < 0.5:
            target = self.one(["a", "b", "x", "ns.v", "m", "a, b"])
            return self.tag(f"set {target} = {self.expression(2)}")
        if roll < 0.65:
            other = self.tag("else") + self.body(depth - 1, in_loop) if self.random.random() < 0.5 else ""
            return self.tag(f"if {self.expression(2)}") + self.body(depth - 1, in_loop) + other + self.tag("endif")
        if roll < 0.82:
            return self.loop(depth, in_loop)
        if roll < 0.86:
            return self.tag("set b") + self.body(depth - 1, in_loop) + self.tag("endset")
        if roll < 0.89:
            return self.tag("filter upper") + self.body(depth - 1, in_loop) + self.tag("endfilter")
        if roll < 0.92:
            return self.tag(f"with a = {self.expression(1)}, x = a") + self.body(depth - 1, in_loop) + self.tag("endwith")
        if roll < 0.95:
            return self.tag("macro f(a=1)") + self.body(depth - 1) + self.tag("endmacro") + "{{ f(2) }}"
        if roll < 0.97:
            return self.tag("generation") + self.body(depth - 1) + self.tag("endgeneration")
        return self.tag(self.one(["break", "continue"])) if in_loop else "{# c #}"

    def loop(self, depth, in_loop):
        target = self.one(["m", "x", "a", "a, b"])
        items = self.one(["messages", "[1, 2, 3]", "data.items()", "'ab'", "range(3)", self.expression(1)])
        test = f" if {self.expression(1)}" if self.random.random() < 0.2 else ""
        other = self.tag("else") + self.body(depth - 1, in_loop) if self.random.random() < 0.2 else ""
        show = "{{ loop.%s }}" % self.one(LOOP) if self.random.random() < 0.5 else ""
        return self.tag(f"for {target} in {items}{test}") + self.body(depth - 1, True) + show + other + self.tag("endfor")

    def template(self):
        if self.random.random() < 0.6:
            return "{{ " + self.expression(self.random.randint(1, 3)) + " }}"
        start = self.one(["", "{% set ns = namespace(v=1) %}", "{% macro f(a, b=2) %}<{{ a }}{{ b }}>{% endmacro %}", "{% set a = 1 %}"])
        return start + self.body(self.random.randint(0, 3))


LOOP = ["index", "index0", "first", "last", "length", "revindex", "previtem", "nextitem", "cycle(1, 2)", "changed(x)", "depth"]


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    generator = Generator(seed)
    templates = [generator.template() for _ in range(count)]
    request = json.dumps({"templates": templates, "variables": VARIABLES})
    answer = subprocess.run(["node", "-e", RENDERER], cwd=ROOT, input=request, capture_output=True, text=True, check=True)
    compared = rendered = differing = 0
    for template, ours in zip(templates, json.loads(answer.stdout)):
        right = render(template, VARIABLES)
        if right is not None and UNREPEATABLE.search(right):
            continue
        compared += 1
        rendered += right is not None
        # Constants sliced in a wrong way are undefined to jinja2's optimizer, and raise else.
        if right is not None and "cannot be sliced" in ours.get("error", ""):
            continue
        if ours.get("text") != right or "fault" in ours:
            differing += 1
            print(f"{ascii(template)}\n  jinja2: {ascii(right)[:300]}\n  here:   {ascii(ours)[:300]}")
    print(f"{compared} compared, of which jinja2 renders {rendered}; {differing} differ")


if __name__ == "__main__":
    main()

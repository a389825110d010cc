// Chat templates by Jinja, with Python's string methods where the JavaScript implementation's differ.

import { Template } from '@huggingface/jinja';
import { isPlain } from '../data/conversation';
import { pythonLeftStrip, pythonRightStrip, pythonStrip } from '../data/python_text';
import type { Message } from '../data/types';
import { TokenizerError } from './errors';

/** A node of the template's syntax tree, as far as it is looked at here. */
interface Node {
  type: string;
  [key: string]: unknown;
}

const STRIPS: Record<string, (text: string) => string> = {
  strip: pythonStrip,
  lstrip: pythonLeftStrip,
  rstrip: pythonRightStrip,
};

export class ChatTemplate {
  private readonly template: Template;

  /** @throws TokenizerError where the template does not parse. */
  constructor(
    source: string,
    private readonly file: string,
    private readonly specialTokens: Record<string, string>,
  ) {
    try {
      // As jinja2 reads it: every line's end is a newline.
      this.template = new Template(source.replace(/\r\n?/g, '\n'));
    } catch (error) {
      throw new TokenizerError(`the chat template in ${file} is not valid Jinja (${(error as Error).message}).`);
    }
    rewrite(this.template.parsed as unknown as Node);
  }

  /**
   * The conversation as text. `variables` are what the template reads beside it: `tools`, `enable_thinking` and the like.
   * @throws TokenizerError where the template refuses the conversation.
   */
  render(messages: readonly Message[], addGenerationPrompt: boolean, variables: Readonly<Record<string, unknown>> = {}): string {
    try {
      return this.template.render({
        tools: null,
        documents: null,
        ...this.specialTokens,
        ...(plainNumbers(variables) as object),
        messages: messages.every(isPlain) ? messages : plainNumbers(messages),
        add_generation_prompt: addGenerationPrompt,
        ...STRIP_FUNCTIONS,
      });
    } catch (error) {
      throw new TokenizerError(`the chat template in ${this.file} refuses the conversation: ${(error as Error).message}`);
    }
  }
}

/** Number objects are Python's floats that are whole, bigints its large integers; @huggingface/jinja knows neither. */
function plainNumbers(value: unknown): unknown {
  if (value instanceof Number || typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plainNumbers(entry)]));
}

/** The functions that rewritten templates call: name of the method -> its Python semantics. */
const STRIP_FUNCTIONS = Object.fromEntries(
  Object.keys(STRIPS).map((name) => [functionName(name), (value: unknown, characters?: unknown) => stripped(name, value, characters)]),
);

function functionName(method: string): string {
  return `python_${method}`;
}

function stripped(method: string, value: unknown, characters: unknown): string {
  const text = typeof value === 'string' ? value : String(value ?? '');
  if (typeof characters !== 'string') return STRIPS[method]!(text);
  const set = new Set(characters);
  const points = [...text];
  let begin = 0;
  let end = points.length;
  if (method !== 'rstrip') while (begin < end && set.has(points[begin]!)) begin += 1;
  if (method !== 'lstrip') while (end > begin && set.has(points[end - 1]!)) end -= 1;
  return points.slice(begin, end).join('');
}

/**
 * Turns `x | trim`, `x.strip()`, `x.lstrip(chars)` and the like into calls of functions with Python's semantics. The
 * library's own follow JavaScript's white space (U+FEFF goes, U+0085 stays) and ignore the characters given.
 * And takes away `strftime_now`, so that templates which print today's date where they can fall back to their fixed one: a
 * reward must not depend on the day.
 */
function rewrite(node: Node): void {
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && typeof (child as Node).type === 'string') rewrite(child as Node);
    }
  }
  if (node.type === 'Identifier' && node['value'] === 'strftime_now') node['value'] = 'strftime_now_is_not_defined';
  if (node.type === 'FilterStatement' && nameOf(node['filter'] as Node) === 'trim') return rewriteTrimBlock(node);
  const call = stripCall(node);
  if (!call) return;
  const { method, args } = call;
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, { type: 'CallExpression', callee: { type: 'Identifier', value: functionName(method) }, args });
}

const identifier = (value: string): Node => ({ type: 'Identifier', value });
const nameOf = (filter: Node): unknown => (filter.type === 'CallExpression' ? (filter['callee'] as Node)['value'] : filter['value']);

/** `{% filter trim %}…{% endfilter %}`: its body caught in a variable, and what the function makes of that. */
function rewriteTrimBlock(node: Node): void {
  const { body, filter } = node as unknown as { body: Node[]; filter: Node };
  const args = filter.type === 'CallExpression' ? (filter['args'] as Node[]) : [];
  const caught = identifier('text_to_trim');
  const trimmed: Node = { type: 'CallExpression', callee: identifier(functionName('strip')), args: [caught, ...args] };
  delete node['filter'];
  Object.assign(node, { type: 'If', test: identifier('true'), body: [{ type: 'Set', assignee: caught, value: null, body }, trimmed], alternate: [] });
}

function stripCall(node: Node): { method: string; args: unknown[] } | undefined {
  if (node.type === 'FilterExpression') {
    const filter = node['filter'] as Node;
    const args = filter.type === 'CallExpression' ? (filter['args'] as unknown[]) : [];
    return nameOf(filter) === 'trim' ? { method: 'strip', args: [node['operand'], ...args] } : undefined;
  }
  if (node.type === 'CallExpression') {
    const callee = node['callee'] as Node;
    if (callee.type !== 'MemberExpression' || callee['computed'] === true) return undefined;
    const method = (callee['property'] as Node)['value'];
    if (typeof method !== 'string' || !Object.hasOwn(STRIPS, method)) return undefined;
    return { method, args: [callee['object'], ...(node['args'] as unknown[])] };
  }
  return undefined;
}

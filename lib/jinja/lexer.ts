// Splits template source into tokens, and strips white space around tags like jinja2 with trim_blocks and
// lstrip_blocks.

import { PYTHON_SPACE } from '../data/python_text';
import { JinjaSyntaxError } from './errors';
import { parseIntegerText } from './numbers';
import { codeEscape } from './printing';
import { PythonFloat, type Value } from './values';

export type TokenType =
  | 'data'
  | 'variable_begin'
  | 'variable_end'
  | 'block_begin'
  | 'block_end'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'end';

export interface Token {
  type: TokenType;
  /** The text: the content of a string, or the operator itself. */
  text: string;
  /** The value of a number. */
  value?: Value;
  line: number;
}

const S = `${PYTHON_SPACE}*`;
const ROOT = new RegExp(
  `(.*?)(?:(?<raw>\\{%([-+]?)${S}raw${S}(?:-%\\}${S}|%\\}))|(?<block>\\{%([-+]?))|(?<comment>\\{#([-+]?))` +
    '|(?<variable>\\{\\{([-+]?)))',
  'suy',
);
const COMMENT_END = new RegExp(`.*?(?:\\+#\\}|-#\\}${S}|#\\}\\n?)`, 'suy');
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${S}|%\\}\\n?`, 'suy');
const VARIABLE_END = new RegExp(`-\\}\\}${S}|\\}\\}`, 'suy');
const RAW_END = new RegExp(`(.*?)\\{%([-+]?)${S}endraw${S}(?:\\+%\\}|-%\\}${S}|%\\}\\n?)`, 'suy');
const ONLY_SPACE = new RegExp(`^${PYTHON_SPACE}+$`, 'u');
const SPACE_AT_END = new RegExp(PYTHON_SPACE, 'u');

const SPACE = new RegExp(`${PYTHON_SPACE}+`, 'uy');
const FLOAT = /(?<!\.)(\d+_)*\d+((\.(\d+_)*\d+)?e[+-]?(\d+_)*\d+|\.(\d+_)*\d+)/iuy;
const INTEGER = /0b(_?[01])+|0o(_?[0-7])+|0x(_?[\da-f])+|[1-9](_?\d)*|0(_?0)*/iuy;
const NAME = /[\p{L}\p{N}\p{ID_Continue}]+/uy;
const IDENTIFIER = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u;
const STRING = /'([^'\\]*(?:\\.[^'\\]*)*)'|"([^"\\]*(?:\\.[^"\\]*)*)"/suy;
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[+\-/*%~[\](){}><=.:|,;]/uy;
const CLOSING: Record<string, string> = { '{': '}', '(': ')', '[': ']' };

/** @throws JinjaSyntaxError */
export function tokenize(source: string): Token[] {
  return new Lexer(source).run();
}

class Lexer {
  private readonly source: string;
  private readonly tokens: Token[] = [];
  private position = 0;
  private line = 1;
  /** Whether the last token ended a line: blanks before a block tag are stripped only at the beginning of a line. */
  private lineStarts = true;

  constructor(source: string) {
    this.source = source.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  }

  run(): Token[] {
    while (this.position < this.source.length) this.root();
    this.push('end', '');
    return this.tokens;
  }

  private root(): void {
    const match = this.match(ROOT);
    if (!match) {
      this.data(this.source.slice(this.position));
      this.position = this.source.length;
      return;
    }
    const [, text, raw, rawSign, block, blockSign, comment, commentSign, variable, variableSign] = match;
    const sign = rawSign ?? blockSign ?? commentSign ?? variableSign ?? '';
    this.data(this.before(text!, sign, variable !== undefined), text);
    this.advance(match[0], text);
    if (raw !== undefined) this.raw();
    else if (comment !== undefined) this.comment();
    else if (block !== undefined) this.tag('block_begin', 'block_end', BLOCK_END);
    else this.tag('variable_begin', 'variable_end', VARIABLE_END);
  }

  private comment(): void {
    const match = this.match(COMMENT_END);
    if (!match) throw this.error('a comment has no end: #} is missing');
    this.advance(match[0]);
  }

  private raw(): void {
    const match = this.match(RAW_END);
    if (!match) throw this.error('a raw block has no end: {% endraw %} is missing');
    this.data(this.before(match[1]!, match[2]!, false), match[1]);
    this.advance(match[0], match[1]);
  }

  private tag(begin: TokenType, end: TokenType, endPattern: RegExp): void {
    this.push(begin, '');
    const open: string[] = [];
    for (;;) {
      const last = open.length === 0 ? this.match(endPattern) : null;
      if (last) {
        this.push(end, '');
        this.advance(last[0]);
        return;
      }
      if (this.position >= this.source.length) {
        this.push('end', '');
        return;
      }
      this.inner(open);
    }
  }

  /** One token within a tag. */
  private inner(open: string[]): void {
    let match = this.match(SPACE);
    if (match) return this.advance(match[0]);
    if ((match = this.match(FLOAT))) this.push('float', match[0], new PythonFloat(Number(match[0].replace(/_/g, ''))));
    else if ((match = this.match(INTEGER))) this.integer(match[0]);
    else if ((match = this.match(NAME))) {
      if (!IDENTIFIER.test(match[0])) throw this.error(`'${match[0]}' is no name`);
      this.push('name', match[0]);
    } else if ((match = this.match(STRING))) {
      this.push('string', this.unescape(match[1] ?? match[2]!));
    } else if ((match = this.match(OPERATOR))) {
      this.balance(match[0], open);
      this.push('operator', match[0]);
    } else {
      const character = String.fromCodePoint(this.source.codePointAt(this.position)!);
      throw this.error(`unexpected character '${character}'`);
    }
    this.advance(match[0]);
  }

  private integer(text: string): void {
    const value = parseIntegerText(text, /^0[box]/i.test(text) ? 0 : 10);
    if (value === undefined) throw this.error(`the integer ${text.slice(0, 20)}… is too long`);
    this.push('integer', text, value);
  }

  private balance(operator: string, open: string[]): void {
    if (CLOSING[operator]) open.push(CLOSING[operator]);
    else if (operator === '}' || operator === ')' || operator === ']') {
      const expected = open.pop();
      if (expected === undefined) throw this.error(`unexpected '${operator}'`);
      if (expected !== operator) throw this.error(`unexpected '${operator}', expected '${expected}'`);
    }
  }

  /** The text before a tag, after stripping. */
  private before(text: string, sign: string, isVariable: boolean): string {
    if (sign === '-') {
      let end = text.length;
      while (end > 0 && SPACE_AT_END.test(text.charAt(end - 1))) end -= 1;
      return text.slice(0, end);
    }
    if (sign === '+' || isVariable) return text;
    const lineBegin = text.lastIndexOf('\n') + 1;
    if (lineBegin === 0 && !this.lineStarts) return text;
    return ONLY_SPACE.test(text.slice(lineBegin)) ? text.slice(0, lineBegin) : text;
  }

  private data(text: string, whole = text): void {
    if (text !== '') this.push('data', text);
    this.line += countLines(whole);
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position;
    return pattern.exec(this.source);
  }

  /** @param counted the beginning of the text, whose lines have already been counted. */
  private advance(text: string, counted = ''): void {
    this.line += countLines(text.slice(counted.length));
    this.position += text.length;
    this.lineStarts = text.endsWith('\n');
  }

  private push(type: TokenType, text: string, value?: Value): void {
    this.tokens.push({ type, text, line: this.line, ...(value === undefined ? {} : { value }) });
  }

  private error(problem: string): JinjaSyntaxError {
    return new JinjaSyntaxError(problem, this.line);
  }

  private unescape(text: string): string {
    if (!text.includes('\\')) return text;
    return text.replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|.)/gsu, (whole, escape: string) => {
      const first = escape[0]!;
      if (SIMPLE_ESCAPES[escape] !== undefined) return SIMPLE_ESCAPES[escape];
      if (/^[0-7]/.test(escape)) return String.fromCharCode(parseInt(escape, 8));
      if (first === 'N')
        throw this.error(`characters cannot be given by name: write \\u and four digits for '${whole}'`);
      if (escape.length > 1 && /^[xuU]/.test(first)) return this.character(parseInt(escape.slice(1), 16));
      if (/^[xuU]$/.test(escape)) throw this.error(`the escape '${whole}' in a text is cut short`);
      // jinja2 escapes non-ASCII characters before it reads escapes, so that the backslash becomes part of a pair.
      return escape.codePointAt(0)! < 128 ? whole : codeEscape(escape.codePointAt(0)!);
    });
  }

  private character(code: number): string {
    if (code > 0x10ffff) throw this.error('an escape in a text is beyond the last character, \\U0010ffff');
    return String.fromCodePoint(code);
  }
}

const SIMPLE_ESCAPES: Record<string, string> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

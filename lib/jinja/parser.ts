// Parses statements by jinja2's grammar, with the tags that transformers adds: break, continue and generation.

import type { Expression, ForNode, IfNode, NameNode, Signature, Statement } from './ast';
import { ExpressionParser } from './expression_parser';
import { tokenize } from './lexer';
import { describe, TokenStream } from './token_stream';

/** @throws JinjaSyntaxError */
export function parse(source: string): Statement[] {
  return new Parser(new TokenStream(tokenize(source))).template();
}

const OTHER_FILES = new Set(['include', 'import', 'from', 'extends']);

class Parser extends ExpressionParser {
  private readonly open: string[] = [];

  template(): Statement[] {
    return this.body([]);
  }

  /** Text, expressions and statements, up to one of the tags, whose name is then the current token. */
  private body(ends: readonly string[]): Statement[] {
    const statements: Statement[] = [];
    let parts: (string | Expression)[] = [];
    let partsLine = 0;
    const flush = (): void => {
      if (parts.length > 0) statements.push({ kind: 'output', parts, line: partsLine });
      parts = [];
    };
    const add = (part: string | Expression, line: number): void => {
      if (parts.length === 0) partsLine = line;
      parts.push(part);
    };
    for (;;) {
      const token = this.stream.current;
      if (token.type === 'end') break;
      this.stream.next();
      if (token.type === 'data') add(token.text, token.line);
      else if (token.type === 'variable_begin') {
        add(this.tuple(), token.line);
        this.stream.expect('variable_end');
      } else {
        flush();
        if (ends.some(this.stream.isName)) return statements;
        statements.push(this.stream.nested(() => this.statement()));
        this.stream.expect('block_end');
      }
    }
    flush();
    if (ends.length > 0) throw this.missingEnd(ends);
    return statements;
  }

  private missingEnd(ends: readonly string[]): Error {
    const expected = ends.map((end) => `{% ${end} %}`).join(' or ');
    return this.stream.error(`the template ends within {% ${this.open.at(-1)} %}: ${expected} is missing`);
  }

  /** The body of a block up to its end tag. */
  private block(...ends: string[]): Statement[] {
    this.stream.skip('operator', ':');
    this.stream.expect('block_end');
    return this.body(ends);
  }

  private closed(end: string): Statement[] {
    const body = this.block(end);
    this.stream.next();
    return body;
  }

  private statement(): Statement {
    const { text: tag, line } = this.stream.expect('name');
    this.open.push(tag);
    const statement = this.tag(tag, line);
    this.open.pop();
    return statement;
  }

  private tag(tag: string, line: number): Statement {
    if (tag === 'for') return this.for(line);
    if (tag === 'if') return this.if(line);
    if (tag === 'set') return this.set(line);
    if (tag === 'print') return this.print(line);
    if (tag === 'macro') {
      const { name } = this.target({ name: true }) as NameNode;
      return { kind: 'macro', name, ...this.signature(), body: this.closed('endmacro'), line };
    }
    if (tag === 'call') return this.callBlock(line);
    if (tag === 'filter') {
      const first = this.filter(undefined);
      return { kind: 'filter_block', filter: this.filterChain(first) ?? first, body: this.closed('endfilter'), line };
    }
    if (tag === 'with') return this.with(line);
    if (tag === 'block') return this.namedBlock(line);
    if (tag === 'generation') {
      return { kind: 'call_block', parameters: [], defaults: [], body: this.closed('endgeneration'), line };
    }
    if (tag === 'break' || tag === 'continue') return { kind: tag, line };
    if (tag === 'autoescape') return this.autoescape(line);
    if (OTHER_FILES.has(tag)) {
      throw this.stream.error(
        `{% ${tag} %} reads another template, and a chat template has none: put its text here`,
        line,
      );
    }
    throw this.unknownTag(tag, line);
  }

  private unknownTag(tag: string, line: number): Error {
    const within = this.open.length > 1 ? ` within {% ${this.open.at(-2)} %}` : '';
    return this.stream.error(`unknown tag {% ${tag} %}${within}`, line);
  }

  private for(line: number): ForNode {
    const target = this.target({ endName: 'in' });
    this.stream.expect('name', 'in');
    const iterated = this.tuple({ conditionals: false, endName: 'recursive' });
    const test = this.stream.skip('name', 'if') ? this.expression() : undefined;
    const recursive = this.stream.skip('name', 'recursive');
    const body = this.block('endfor', 'else');
    const otherwise = this.stream.next().text === 'else' ? this.closed('endfor') : [];
    return { kind: 'for', target, iterated, test, recursive, body, otherwise, line };
  }

  private if(line: number): IfNode {
    const branches: IfNode[] = [];
    for (;;) {
      const test = this.tuple({ conditionals: false });
      const body = this.block('elif', 'else', 'endif');
      branches.push({
        kind: 'if',
        test,
        body,
        elifs: [],
        otherwise: [],
        line: branches.length === 0 ? line : test.line,
      });
      const end = this.stream.next().text;
      if (end === 'elif') continue;
      const [first, ...elifs] = branches as [IfNode, ...IfNode[]];
      return { ...first, elifs, otherwise: end === 'else' ? this.closed('endif') : [] };
    }
  }

  private set(line: number): Statement {
    const target = this.target({ attributes: true });
    if (this.stream.skip('operator', '=')) return { kind: 'set', target, value: this.tuple(), line };
    return { kind: 'set_block', target, filter: this.filterChain(undefined), body: this.closed('endset'), line };
  }

  private print(line: number): Statement {
    const parts: Expression[] = [];
    while (!this.stream.is('block_end')) {
      if (parts.length > 0) this.stream.expect('operator', ',');
      parts.push(this.expression());
    }
    return { kind: 'output', parts, line };
  }

  private signature(): Signature {
    this.stream.expect('operator', '(');
    const parameters: NameNode[] = [];
    const defaults: Expression[] = [];
    while (!this.stream.isOperator(')')) {
      if (parameters.length > 0) this.stream.expect('operator', ',');
      const parameter = this.target({ name: true }) as NameNode;
      if (parameters.some(({ name }) => name === parameter.name)) {
        throw this.stream.error(`two parameters have the name '${parameter.name}'`);
      }
      if (this.stream.skip('operator', '=')) defaults.push(this.expression());
      else if (defaults.length > 0) throw this.stream.error('a parameter without a default follows one that has one');
      parameters.push({ ...parameter, use: 'parameter' });
    }
    this.stream.expect('operator', ')');
    return { parameters, defaults };
  }

  private callBlock(line: number): Statement {
    const signature = this.stream.isOperator('(') ? this.signature() : { parameters: [], defaults: [] };
    const call = this.expression();
    if (call.kind !== 'call') throw this.stream.error('expected the call of a macro', line);
    return { kind: 'call_block', ...signature, call, body: this.closed('endcall'), line };
  }

  private with(line: number): Statement {
    const targets = [];
    const values: Expression[] = [];
    while (!this.stream.is('block_end')) {
      if (targets.length > 0) this.stream.expect('operator', ',');
      targets.push(this.target());
      this.stream.expect('operator', '=');
      values.push(this.expression());
    }
    return { kind: 'with', targets, values, body: this.closed('endwith'), line };
  }

  private namedBlock(line: number): Statement {
    const { text: name } = this.stream.expect('name');
    const scoped = this.stream.skip('name', 'scoped');
    if (this.stream.skip('name', 'required')) {
      throw this.stream.error(`block '${name}' is required, and no other template can fill it`, line);
    }
    const body = this.closed('endblock');
    this.stream.skip('name', name);
    return { kind: 'block', name, scoped, body, line };
  }

  private autoescape(line: number): Statement {
    const { current } = this.stream;
    const value = this.expression();
    if (value.kind !== 'constant' || value.value !== false) {
      throw this.stream.error(
        `{% autoescape ${describe(current).slice(1, -1)} %}: chat templates are no HTML, only false is known`,
        line,
      );
    }
    return { kind: 'scope', body: this.closed('endautoescape'), line };
  }
}

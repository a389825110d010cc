// The tokens of a template, read one by one.

import { JinjaSyntaxError } from './errors';
import { checkSourceDepth } from './limits';
import type { Token, TokenType } from './lexer';

export class TokenStream {
  private at = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  get current(): Token {
    return this.tokens[this.at]!;
  }

  get ahead(): Token {
    return this.tokens[Math.min(this.at + 1, this.tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== 'end') this.at += 1;
    return token;
  }

  is(type: TokenType, text?: string): boolean {
    const { current } = this;
    return current.type === type && (text === undefined || current.text === text);
  }

  isName = (text: string): boolean => this.is('name', text);
  isOperator = (text: string): boolean => this.is('operator', text);

  skip(type: TokenType, text: string): boolean {
    const found = this.is(type, text);
    if (found) this.at += 1;
    return found;
  }

  expect(type: TokenType, text?: string): Token {
    if (!this.is(type, text)) {
      throw this.error(
        `expected ${text === undefined ? DESCRIPTIONS[type] : `'${text}'`}, found ${describe(this.current)}`,
      );
    }
    return this.next();
  }

  /** Runs a nested parse, and keeps the depth of the tree within the limit. */
  nested<Result>(parse: () => Result): Result {
    this.depth += 1;
    checkSourceDepth(this.depth, this.current.line);
    const result = parse();
    this.depth -= 1;
    return result;
  }

  error(problem: string, line = this.current.line): JinjaSyntaxError {
    return new JinjaSyntaxError(problem, line);
  }
}

const DESCRIPTIONS: Record<TokenType, string> = {
  data: 'text',
  variable_begin: "'{{'",
  variable_end: "'}}'",
  block_begin: "'{%'",
  block_end: "'%}'",
  name: 'a name',
  string: 'a text',
  integer: 'an integer',
  float: 'a number',
  operator: 'an operator',
  end: "the template's end",
};

export function describe(token: Token): string {
  return token.text === '' || token.type === 'data' ? DESCRIPTIONS[token.type] : `'${token.text}'`;
}

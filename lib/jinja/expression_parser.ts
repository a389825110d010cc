// Parses expressions by jinja2's grammar.

import type { Arguments, CallNode, ComparisonOperator, Expression, FilterNode, Target } from './ast';
import { checkSourceDepth } from './limits';
import { describe, type TokenStream } from './token_stream';

const NO_ARGUMENTS: Arguments = { positional: [], keywords: [] };
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=']);
const CONSTANTS: Record<string, null | boolean> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

interface TupleRules {
  /** Names and literals only. */
  simple?: boolean;
  conditionals?: boolean;
  /** A name that ends the target. */
  endName?: string;
  parenthesized?: boolean;
  /** Whether `ns.name` is allowed as a target. */
  attributes?: boolean;
}

export class ExpressionParser {
  constructor(protected readonly stream: TokenStream) {}

  expression(conditionals = true): Expression {
    return this.stream.nested(() => (conditionals ? this.conditional() : this.or()));
  }

  private conditional(): Expression {
    const { line } = this.stream.current;
    let then = this.or();
    for (let depth = 0; this.stream.skip('name', 'if'); depth++) {
      checkSourceDepth(depth, line);
      const test = this.or();
      const otherwise = this.stream.skip('name', 'else') ? this.stream.nested(() => this.conditional()) : undefined;
      then = { kind: 'conditional', test, then, otherwise, line };
    }
    return then;
  }

  /** `operand (operator operand)*`, from the left. */
  private chain(operand: () => Expression, join: (left: Expression) => Expression | undefined): Expression {
    let left = operand();
    for (let depth = 0; ; depth++) {
      checkSourceDepth(depth, this.stream.current.line);
      const joined = join(left);
      if (joined === undefined) return left;
      left = joined;
    }
  }

  private or(): Expression {
    return this.chain(
      () => this.and(),
      (left) => {
        if (!this.stream.skip('name', 'or')) return undefined;
        return { kind: 'logic', operator: 'or', left, right: this.and(), line: left.line };
      },
    );
  }

  private and(): Expression {
    return this.chain(
      () => this.not(),
      (left) => {
        if (!this.stream.skip('name', 'and')) return undefined;
        return { kind: 'logic', operator: 'and', left, right: this.not(), line: left.line };
      },
    );
  }

  private not(): Expression {
    if (!this.stream.isName('not')) return this.compare();
    const { line } = this.stream.next();
    return { kind: 'unary', operator: 'not', operand: this.stream.nested(() => this.not()), line };
  }

  private compare(): Expression {
    const first = this.sum();
    const rest: { operator: ComparisonOperator; operand: Expression }[] = [];
    for (let operator = this.comparison(); operator !== undefined; operator = this.comparison()) {
      rest.push({ operator, operand: this.sum() });
    }
    return rest.length === 0 ? first : { kind: 'compare', first, rest, line: first.line };
  }

  private comparison(): ComparisonOperator | undefined {
    const { current, ahead } = this.stream;
    if (current.type === 'operator' && COMPARISONS.has(current.text)) {
      return this.stream.next().text as ComparisonOperator;
    }
    if (this.stream.skip('name', 'in')) return 'in';
    if (!this.stream.isName('not') || ahead.type !== 'name' || ahead.text !== 'in') return undefined;
    this.stream.next();
    this.stream.next();
    return 'not in';
  }

  private arithmetic(operators: readonly string[], operand: () => Expression): Expression {
    return this.chain(operand, (left) => {
      const { current } = this.stream;
      if (current.type !== 'operator' || !operators.includes(current.text)) return undefined;
      this.stream.next();
      return { kind: 'arithmetic', operator: current.text as '+', left, right: operand(), line: left.line };
    });
  }

  private sum(): Expression {
    return this.arithmetic(['+', '-'], () => this.concat());
  }

  private concat(): Expression {
    const items = [this.product()];
    while (this.stream.skip('operator', '~')) items.push(this.product());
    return items.length === 1 ? items[0]! : { kind: 'concat', items, line: items[0]!.line };
  }

  private product(): Expression {
    return this.arithmetic(['*', '/', '//', '%'], () => this.arithmetic(['**'], () => this.unary(true)));
  }

  private unary(withFilter: boolean): Expression {
    const { current } = this.stream;
    let node: Expression;
    if (current.type === 'operator' && (current.text === '-' || current.text === '+')) {
      this.stream.next();
      const operand = this.stream.nested(() => this.unary(false));
      node = { kind: 'unary', operator: current.text, operand, line: current.line };
    } else node = this.primary(false);
    node = this.postfix(node);
    return withFilter ? this.filtersAndTests(node) : node;
  }

  private primary(attributes: boolean): Expression {
    const token = this.stream.current;
    const { line } = token;
    if (token.type === 'name') return this.name(attributes);
    if (token.type === 'string') {
      let value = '';
      while (this.stream.is('string')) value += this.stream.next().text;
      return { kind: 'constant', value, line };
    }
    if (token.type === 'integer' || token.type === 'float') {
      return { kind: 'constant', value: this.stream.next().value!, line };
    }
    if (this.stream.skip('operator', '(')) {
      const inner = this.tuple({ parenthesized: true });
      this.stream.expect('operator', ')');
      return inner;
    }
    if (this.stream.skip('operator', '[')) {
      return { kind: 'list', items: this.until(']', () => this.expression()), line };
    }
    if (this.stream.skip('operator', '{')) return { kind: 'dict', items: this.until('}', () => this.pair()), line };
    throw this.stream.error(`unexpected ${describe(token)}`);
  }

  private name(attributes: boolean): Expression {
    const { text, line } = this.stream.next();
    if (Object.hasOwn(CONSTANTS, text)) return { kind: 'constant', value: CONSTANTS[text]!, line };
    if (attributes && this.stream.skip('operator', '.')) {
      return { kind: 'attribute_target', name: text, attribute: this.stream.expect('name').text, line };
    }
    return { kind: 'name', name: text, use: 'load', line };
  }

  private pair(): { key: Expression; value: Expression } {
    const key = this.expression();
    this.stream.expect('operator', ':');
    return { key, value: this.expression() };
  }

  /** Items separated by commas, with an optional trailing one, up to the closing bracket. */
  private until<Item>(close: string, item: () => Item): Item[] {
    const items: Item[] = [];
    while (!this.stream.isOperator(close)) {
      if (items.length > 0) this.stream.expect('operator', ',');
      if (this.stream.isOperator(close)) break;
      items.push(item());
    }
    this.stream.expect('operator', close);
    return items;
  }

  tuple(rules: TupleRules = {}): Expression {
    const { line } = this.stream.current;
    const item = (): Expression => {
      return rules.simple
        ? this.stream.nested(() => this.primary(rules.attributes ?? false))
        : this.expression(rules.conditionals ?? true);
    };
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.stream.expect('operator', ',');
      if (this.isTupleEnd(rules.endName)) break;
      items.push(item());
      if (!this.stream.isOperator(',')) break;
      isTuple = true;
    }
    if (!isTuple && items.length > 0) return items[0]!;
    if (!isTuple && !rules.parenthesized) {
      throw this.stream.error(`expected an expression, found ${describe(this.stream.current)}`);
    }
    return { kind: 'tuple', items, line };
  }

  private isTupleEnd(endName: string | undefined): boolean {
    const { stream } = this;
    if (stream.is('variable_end') || stream.is('block_end') || stream.isOperator(')')) return true;
    return endName !== undefined && stream.isName(endName);
  }

  private postfix(node: Expression): Expression {
    return this.chain(
      () => node,
      (left) => {
        if (this.stream.isOperator('.') || this.stream.isOperator('[')) return this.subscript(left);
        return this.stream.isOperator('(') ? this.call(left) : undefined;
      },
    );
  }

  private filtersAndTests(node: Expression): Expression {
    return this.chain(
      () => node,
      (left) => {
        if (this.stream.isOperator('|')) {
          this.stream.next();
          return this.filter(left);
        }
        if (this.stream.isName('is')) return this.test(left);
        return this.stream.isOperator('(') ? this.call(left) : undefined;
      },
    );
  }

  private subscript(object: Expression): Expression {
    const { text, line } = this.stream.next();
    if (text === '[') {
      const items: Expression[] = [];
      while (!this.stream.isOperator(']')) {
        if (items.length > 0) this.stream.expect('operator', ',');
        items.push(this.subscribed());
      }
      this.stream.expect('operator', ']');
      const index: Expression = items.length === 1 ? items[0]! : { kind: 'tuple', items, line };
      return { kind: 'item', object, index, line };
    }
    const token = this.stream.next();
    if (token.type === 'name') return { kind: 'attribute', object, name: token.text, line };
    if (token.type !== 'integer') throw this.stream.error('expected a name or a number behind the dot', token.line);
    return { kind: 'item', object, index: { kind: 'constant', value: token.value!, line }, line };
  }

  /** An index or a slice. */
  private subscribed(): Expression {
    const { line } = this.stream.current;
    const isEnd = (): boolean => [']', ',', ':'].some((mark) => this.stream.isOperator(mark));
    const part = (): Expression | undefined => (isEnd() ? undefined : this.expression());
    const start = this.stream.isOperator(':') ? undefined : this.expression();
    if (start !== undefined && !this.stream.isOperator(':')) return start;
    this.stream.expect('operator', ':');
    const stop = part();
    const step = this.stream.skip('operator', ':') ? part() : undefined;
    return { kind: 'slice', start, stop, step, line };
  }

  protected call(callee: Expression): CallNode {
    const { line } = this.stream.current;
    return { kind: 'call', callee, args: this.arguments(), line };
  }

  private arguments(): Arguments {
    const { line } = this.stream.expect('operator', '(');
    const args: Arguments = { positional: [], keywords: [] };
    const ensure = (allowed: boolean): void => {
      if (!allowed) throw this.stream.error('arguments of a call in a wrong order', line);
    };
    while (!this.stream.isOperator(')')) {
      const count = args.positional.length + args.keywords.length;
      if (count > 0 || args.spread || args.spreadKeywords) {
        this.stream.expect('operator', ',');
        if (this.stream.isOperator(')')) break;
      }
      this.argument(args, ensure);
    }
    this.stream.expect('operator', ')');
    return args;
  }

  private argument(args: Arguments, ensure: (allowed: boolean) => void): void {
    const { current, ahead } = this.stream;
    if (this.stream.skip('operator', '*')) {
      ensure(!args.spread && !args.spreadKeywords);
      args.spread = this.expression();
    } else if (this.stream.skip('operator', '**')) {
      ensure(!args.spreadKeywords);
      args.spreadKeywords = this.expression();
    } else if (current.type === 'name' && ahead.type === 'operator' && ahead.text === '=') {
      ensure(!args.spreadKeywords);
      // Python also refuses a repeated keyword.
      ensure(!args.keywords.some(({ name }) => name === current.text));
      this.stream.next();
      this.stream.next();
      args.keywords.push({ name: current.text, value: this.expression() });
    } else {
      ensure(!args.spread && !args.spreadKeywords && args.keywords.length === 0);
      args.positional.push(this.expression());
    }
  }

  /** Parses a filter, from its name on. */
  protected filter(operand: Expression | undefined): FilterNode {
    const { line } = this.stream.current;
    const name = this.dottedName();
    return { kind: 'filter', operand, name, args: this.optionalArguments(), line };
  }

  protected filterChain(operand: Expression | undefined): FilterNode | undefined {
    let node: FilterNode | undefined;
    for (let depth = 0; this.stream.skip('operator', '|'); depth++) {
      checkSourceDepth(depth, this.stream.current.line);
      node = this.filter(node ?? operand);
    }
    return node;
  }

  private optionalArguments(): Arguments {
    return this.stream.isOperator('(') ? this.arguments() : NO_ARGUMENTS;
  }

  private dottedName(): string {
    let name = this.stream.expect('name').text;
    while (this.stream.skip('operator', '.')) name += `.${this.stream.expect('name').text}`;
    return name;
  }

  private test(operand: Expression): Expression {
    const { line } = this.stream.next();
    const negated = this.stream.skip('name', 'not');
    const name = this.dottedName();
    const args = this.stream.isOperator('(') ? this.arguments() : this.testArgument();
    const node: Expression = { kind: 'test', operand, name, args, line };
    return negated ? { kind: 'unary', operator: 'not', operand: node, line } : node;
  }

  /** `is divisibleby 3`: a single argument needs no brackets. */
  private testArgument(): Arguments {
    const { stream } = this;
    const begins =
      stream.is('name') ||
      stream.is('string') ||
      stream.is('integer') ||
      stream.is('float') ||
      stream.isOperator('[') ||
      stream.isOperator('{');
    if (!begins || ['else', 'or', 'and'].some(stream.isName)) return NO_ARGUMENTS;
    if (stream.isName('is')) throw stream.error('tests with is cannot follow each other');
    return { positional: [this.postfix(this.stream.nested(() => this.primary(false)))], keywords: [] };
  }

  target(rules: { name?: boolean; endName?: string; attributes?: boolean } = {}): Target {
    const { line } = this.stream.current;
    const { endName, attributes } = rules;
    const parsed = rules.name
      ? this.name(false)
      : this.tuple({ simple: true, ...(endName ? { endName } : {}), ...(attributes ? { attributes } : {}) });
    return this.asTarget(parsed, line);
  }

  private asTarget(node: Expression, line: number): Target {
    if (node.kind === 'name') return { ...node, use: 'store' };
    if (node.kind === 'attribute_target') return node;
    if (node.kind === 'tuple') return { ...node, items: node.items.map((item) => this.asTarget(item, line)) };
    throw this.stream.error('nothing can be assigned to that', line);
  }
}

// The syntax tree of a template.

import type { Value } from './values';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

interface At {
  line: number;
}

export interface Arguments {
  positional: Expression[];
  keywords: { name: string; value: Expression }[];
  /** `*list` and `**dictionary`. */
  spread?: Expression | undefined;
  spreadKeywords?: Expression | undefined;
}

export type NameNode = At & { kind: 'name'; name: string; use: 'load' | 'store' | 'parameter' };
type AttributeTarget = At & { kind: 'attribute_target'; name: string; attribute: string };
type TupleNode = At & { kind: 'tuple'; items: Expression[] };
export type CallNode = At & { kind: 'call'; callee: Expression; args: Arguments };
/** `operand` is undefined in filter blocks: it is the block's text. */
export type FilterNode = At & { kind: 'filter'; operand?: Expression | undefined; name: string; args: Arguments };

export type Expression =
  | NameNode
  | AttributeTarget
  | TupleNode
  | CallNode
  | FilterNode
  | (At & { kind: 'constant'; value: Value })
  | (At & { kind: 'list'; items: Expression[] })
  | (At & { kind: 'dict'; items: { key: Expression; value: Expression }[] })
  | (At & { kind: 'conditional'; test: Expression; then: Expression; otherwise?: Expression | undefined })
  | (At & { kind: 'test'; operand: Expression; name: string; args: Arguments })
  | (At & { kind: 'attribute'; object: Expression; name: string })
  | (At & { kind: 'item'; object: Expression; index: Expression })
  | (At & {
      kind: 'slice';
      start?: Expression | undefined;
      stop?: Expression | undefined;
      step?: Expression | undefined;
    })
  | (At & { kind: 'concat'; items: Expression[] })
  | (At & { kind: 'compare'; first: Expression; rest: { operator: ComparisonOperator; operand: Expression }[] })
  | (At & { kind: 'arithmetic'; operator: ArithmeticOperator; left: Expression; right: Expression })
  | (At & { kind: 'logic'; operator: 'and' | 'or'; left: Expression; right: Expression })
  | (At & { kind: 'unary'; operator: 'not' | '+' | '-'; operand: Expression });

export type Target = NameNode | AttributeTarget | TupleNode;

export interface Signature {
  parameters: NameNode[];
  /** Defaults of the last parameters. */
  defaults: Expression[];
}

export type ForNode = At & {
  kind: 'for';
  target: Target;
  iterated: Expression;
  test?: Expression | undefined;
  recursive: boolean;
  body: Statement[];
  otherwise: Statement[];
};
export type IfNode = At & { kind: 'if'; test: Expression; body: Statement[]; elifs: IfNode[]; otherwise: Statement[] };
export type MacroNode = At & Signature & { kind: 'macro'; name: string; body: Statement[] };
/** `call` is undefined in generation blocks, which only print their body. */
export type CallBlockNode = At & Signature & { kind: 'call_block'; call?: CallNode | undefined; body: Statement[] };
export type WithNode = At & { kind: 'with'; targets: Target[]; values: Expression[]; body: Statement[] };
export type SetBlockNode = At & {
  kind: 'set_block';
  target: Target;
  filter?: FilterNode | undefined;
  body: Statement[];
};
export type FilterBlockNode = At & { kind: 'filter_block'; filter: FilterNode; body: Statement[] };
type ScopeNode = At & { kind: 'scope'; body: Statement[] };
export type BlockNode = At & { kind: 'block'; name: string; scoped: boolean; body: Statement[] };

export type Statement =
  | ForNode
  | IfNode
  | MacroNode
  | CallBlockNode
  | WithNode
  | SetBlockNode
  | FilterBlockNode
  | ScopeNode
  | BlockNode
  | (At & { kind: 'output'; parts: (string | Expression)[] })
  | (At & { kind: 'set'; target: Target; value: Expression })
  | (At & { kind: 'break' | 'continue' });

export type Node = Statement | Expression;

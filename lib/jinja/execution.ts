// What statements are compiled into.

import type { Statement, Target } from './ast';
import type { Locals } from './runtime';
import type { Frame } from './scope';
import type { Value } from './values';

/** How a statement ended. */
export enum Signal {
  Done,
  Break,
  Continue,
}

export type Execute = (locals: Locals) => Signal;

/** What a statement that contains others needs from the compiler. */
export interface StatementCompiler {
  body(nodes: readonly Statement[], frame: Frame): Execute;
  framed(frame: Frame, run: Execute): Execute;
  assignment(target: Target, frame: Frame, outer?: boolean): (locals: Locals, value: Value) => void;
}

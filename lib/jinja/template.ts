// Jinja templates as transformers renders them: jinja2's language in its immutable sandbox, with trim_blocks and
// lstrip_blocks, loop controls, `{% generation %}`, transformers' tojson, and Python's values.

import { Compiler } from './compiler';
import { JinjaError } from './errors';
import { GLOBALS } from './globals';
import { toPython } from './kinds';
import { stackExhausted, startBudget } from './limits';
import { parse } from './parser';
import { RenderState } from './runtime';

export class JinjaTemplate {
  private readonly run: (state: RenderState) => void;

  /** @throws JinjaError if the source is not a valid template. */
  constructor(source: string) {
    this.run = guarded(() => new Compiler().template(parse(source)));
  }

  /**
   * Renders the template with these variables: values of JSON, or Python's own.
   * @throws JinjaError if the template fails, raises, or exceeds a limit.
   */
  render(variables: Readonly<Record<string, unknown>>): string {
    const given = new Map(GLOBALS);
    return guarded(() => {
      for (const [name, value] of Object.entries(variables)) if (value !== undefined) given.set(name, toPython(value));
      const state = new RenderState(given);
      this.run(state);
      return state.out;
    });
  }
}

function guarded<Result>(work: () => Result): Result {
  startBudget();
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError && /call stack/i.test(error.message)) throw stackExhausted();
    if (error instanceof RangeError && /string length/i.test(error.message))
      throw new JinjaError('it makes a text that is too long');
    throw error;
  }
}

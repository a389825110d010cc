// Verdict parsers by name. To add one, write one file that makes a VerdictParser and name it here, or register it.

import { JudgeError } from '../errors';
import { afterParser } from './after';
import { bracketsParser } from './brackets';
import { jsonParser } from './json';
import { letterParser } from './letter';
import { outputLetterParser } from './output_letter';
import { withoutReasoning, type Verdict, type VerdictParser } from './parser';
import { scoresParser } from './scores';

const shipped = [bracketsParser, letterParser, outputLetterParser, jsonParser, afterParser, scoresParser];
const registered = new Map<string, VerdictParser>(shipped.map((parser) => [parser.name, parser]));

/** Makes a parser known by its name. */
export function registerVerdictParser<Options>(parser: VerdictParser<Options>): void {
  if (registered.has(parser.name))
    throw new JudgeError(`A verdict parser named "${parser.name}" is registered already; choose another name.`);
  registered.set(parser.name, parser);
}

/** The names of all parsers, registered ones included. */
export function registeredVerdictParsers(): string[] {
  return [...registered.keys()];
}

/** A parser with its options applied. */
export interface BoundParser {
  /** Name and options, for `results.json`. */
  description: Record<string, unknown>;
  /** The verdict of an answer; undefined if it has none. */
  parse(text: string): Verdict | undefined;
}

/**
 * @param reasoning `strip` (the default) removes reasoning such as `<think>…</think>` first; `keep` parses the whole
 * text.
 * @throws JudgeError naming the parser, the option and what is wrong with it.
 */
export function bindParser(
  name: string,
  options: Record<string, unknown> = {},
  reasoning: 'strip' | 'keep' = 'strip',
): BoundParser {
  const parser = registered.get(name);
  if (!parser)
    throw new JudgeError(
      `There is no verdict parser "${name}"; known parsers: ${registeredVerdictParsers().join(', ')}.`,
    );
  const settled = parser.options.safeParse(options);
  if (!settled.success) {
    const { path, message } = settled.error.issues[0]!;
    throw new JudgeError(
      `The options of the verdict parser "${name}" are not valid: ` +
        `${path.length > 0 ? `"${path.join('.')}": ` : ''}${message}.`,
    );
  }
  const bound: unknown = settled.data;
  return {
    description: { name, ...(bound as object), reasoning },
    parse: (text) => parser.parse(reasoning === 'strip' ? withoutReasoning(text) : text, bound),
  };
}

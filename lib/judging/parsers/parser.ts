// What a verdict parser is, and what parsers share.

import { z } from 'zod';

/** Which of the two responses the judge calls better, in the order in which it saw them. */
export type Verdict = 'A' | 'B' | 'tie';

/** Reads the verdict in a judge's answer. */
export interface VerdictParser<Options = unknown> {
  readonly name: string;
  readonly description: string;
  /** Its own options, which a template file gives next to the parser's name. */
  readonly options: z.ZodType<Options>;
  /** Undefined if the text holds no verdict. `text` has no reasoning; see `withoutReasoning`. */
  parse(text: string, options: Options): Verdict | undefined;
}

/**
 * Whether "tie" is among the verdicts, and how the verdicts are spelled. Compared without regard to case and full-width
 * forms.
 */
export const labelOptions = {
  a: z.string().min(1).default('A').describe('how the first response is named'),
  b: z.string().min(1).default('B').describe('how the second response is named'),
  tie: z.string().min(1).nullable().default('C').describe('how a tie is named; null: there are no ties'),
};

export interface Labels {
  a: string;
  b: string;
  tie: string | null;
}

/** Full-width letters, digits and brackets as plain ones, by Unicode's compatibility normalization. */
export function plain(text: string): string {
  return text.normalize('NFKC');
}

export function verdictOf(label: string, labels: Labels): Verdict | undefined {
  const given = plain(label).trim().toLowerCase();
  const is = (name: string | null) => name !== null && plain(name).trim().toLowerCase() === given;
  return is(labels.a) ? 'A' : is(labels.b) ? 'B' : is(labels.tie) ? 'tie' : undefined;
}

/** The labels as a regular expression alternative, the longest first. */
export function alternatives(labels: Labels): string {
  const names = [labels.a, labels.b, labels.tie].filter((name) => name !== null).map((name) => plain(name).trim());
  return names
    .sort((x, y) => y.length - x.length)
    .map((name) => name.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&'))
    .join('|');
}

/** The verdict in the last match's first group: a judge that discusses both sides decides at the end. */
export function lastMatch(text: string, pattern: RegExp, labels: Labels): Verdict | undefined {
  const last = [...text.matchAll(pattern)].at(-1);
  return last && verdictOf(last[1]!, labels);
}

/**
 * The text after the last `</think>` (also `<thinking>`, `<reasoning>`). Chat templates may open the reasoning
 * themselves, so only the closing tag counts. Reasoning that never ends holds no verdict: then nothing is left.
 */
export function withoutReasoning(text: string): string {
  const closed = [...text.matchAll(/<\/(?:think|thinking|reasoning)>/gi)].at(-1);
  const rest = closed ? text.slice(closed.index + closed[0].length) : text;
  const opened = rest.search(/<(?:think|thinking|reasoning)>/i);
  return (opened < 0 ? rest : rest.slice(0, opened)).trim();
}

import { DataError, show } from '../errors';
import { ReadKeys, readPrompt } from '../conversation/conversation';
import { has, type JsonObject, textId, textOf } from '../fields';
import type { Source } from '../types';
import type { Contribution, DataForm } from './form';

const OUTCOMES = new Map<unknown, 0 | 1 | 2>([
  [1, 1],
  ['1', 1],
  [2, 2],
  ['2', 2],
  [0, 0],
  ['0', 0],
  ['equal', 0],
  ['tie', 0],
]);

/** 1 and 2 (number or text) name the better answer; 0, "equal" and "tie" mean neither. */
export function outcomeOf(value: unknown, what: string, source: Source): 0 | 1 | 2 {
  const outcome = OUTCOMES.get(value);
  if (outcome === undefined) {
    throw new DataError(
      source,
      `${what} must be 1 (the first is better), 2 (the second) or 0, "equal", "tie", but is ${show(value)}`,
    );
  }
  return outcome;
}

export const COMPARISON_KEYS = ['answer1', 'answer2', 'preference'];

/**
 * Two answers and a preference: the whole flat row, and an annotation of the grouped form. `at` is a prefix of the
 * names.
 */
export function readComparison(
  object: JsonObject,
  at: string,
  source: Source,
): Pick<Contribution, 'responses' | 'votes'> {
  for (const key of COMPARISON_KEYS) {
    if (!has(object, key)) {
      throw new DataError(source, `${at}${key} is missing; a comparison has answer1, answer2 and preference`);
    }
  }
  const [first, second] = ['answer1', 'answer2'].map((key) => {
    const content = textOf(object[key], at + key, source);
    return { id: textId(content), content, source };
  }) as [{ id: string; content: string; source: Source }, { id: string; content: string; source: Source }];
  const outcome = outcomeOf(object['preference'], `${at}preference`, source);
  return {
    responses: first.id === second.id ? [first] : [first, second],
    votes: [{ first: first.id, second: second.id, outcome }],
  };
}

export const cheemsFlat: DataForm = {
  name: 'Cheems pairs',
  fields: '{input, answer1, answer2, preference: 1 | 2}',
  matches: (row) => has(row, 'answer1') || has(row, 'answer2'),
  read(row, source, read = new ReadKeys()) {
    read.add(...COMPARISON_KEYS);
    const prompt = readPrompt(row, source, read);
    if (prompt === undefined) throw new DataError(source, 'the prompt is missing; it belongs in "input" or "prompt"');
    return { prompt, ...readComparison(row, '', source) };
  },
};

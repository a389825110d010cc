// `prompts.jsonl`: what each prompt adds to accuracy and exact match. Comparisons of evaluations use it.

import type { EvaluatedFile } from '../evaluation/evaluate';
import { scorePrompt } from '../evaluation/metrics/groups';
import { SHARES } from '../evaluation/metrics/shares';

/**
 * A row of `prompts.jsonl`. For a group: accuracy = sum of right / sum of pairs, exact match = sum of exact / sum of
 * asked.
 */
export interface PromptRow {
  file: string;
  prompt_id: string;
  /** The line of the prompt's first row in the file. */
  line: number | null;
  category: string | null;
  pairs: number;
  right: number;
  /** 1 if the prompt counts in the exact match, else 0. */
  asked: number;
  exact: number;
}

export function* promptLines(files: readonly EvaluatedFile[]): Generator<string> {
  for (const file of files) for (const row of promptRows(file)) yield `${JSON.stringify(row)}\n`;
}

/** What the metrics count, prompt by prompt. */
function* promptRows({ name, prompts, measured, report: { basis, categories } }: EvaluatedFile): Generator<PromptRow> {
  const shareOf = (metric: string) => SHARES.find((share) => share.name === `${metric}-${basis}`);
  const [accuracy, exactMatch] = [shareOf('accuracy'), shareOf('exact_match')];
  const placeOf = new Map(
    prompts.map((prompt) => [`${prompt.id} (${prompt.source.file}:${prompt.source.line})`, prompt]),
  );
  const known = new Set(categories);
  for (const [i, own] of measured.entries()) {
    const { id = String(i), category } = own;
    const prompt = scorePrompt(own, id);
    const [right, pairs] = accuracy?.count(prompt) ?? [0, 0];
    const [exact, asked] = exactMatch?.count(prompt) ?? [0, 0];
    const origin = placeOf.get(id);
    yield {
      file: name,
      prompt_id: origin?.id ?? id,
      line: origin?.source.line ?? null,
      category: category !== undefined && known.has(category) ? category : null,
      pairs,
      right,
      asked,
      exact,
    };
  }
}

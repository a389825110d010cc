// `prompts.jsonl`: what each prompt adds to accuracy and exact match. Evaluations of the same prompts are compared by it.

import type { EvaluatedFile } from '../evaluate';
import { groupPrompts } from '../metrics/groups';
import { SHARES } from '../metrics/shares';

/** A row of `prompts.jsonl`. Means: accuracy = sum of right / sum of pairs, exact match = sum of exact / sum of asked, over a group. */
export interface PromptRow {
  file: string;
  prompt_id: string;
  /** Where in the file the prompt was first met. */
  line: number | null;
  category: string | null;
  pairs: number;
  right: number;
  /** 1 where the prompt takes part in the exact match, else 0. */
  asked: number;
  exact: number;
}

export function* promptLines(files: readonly EvaluatedFile[]): Generator<string> {
  for (const file of files) for (const row of promptRows(file)) yield `${JSON.stringify(row)}\n`;
}

/** Exactly what the metrics count. */
export function promptRows({ name, prompts, measured, report: { basis, categories } }: EvaluatedFile): PromptRow[] {
  const scored = groupPrompts({ prompts: measured }).whole.prompts;
  const count = (metric: string, prompt: (typeof scored)[number]) => SHARES.find((share) => share.name === `${metric}-${basis}`)?.count(prompt) ?? [0, 0];
  const placeOf = new Map(prompts.map((prompt) => [`${prompt.id} (${prompt.source.file}:${prompt.source.line})`, prompt]));
  const known = new Set(categories);
  return scored.map((prompt, i) => {
    const [right, pairs] = count('accuracy', prompt);
    const [exact, asked] = count('exact_match', prompt);
    const { id = String(i), category } = measured[i]!;
    const origin = placeOf.get(id);
    return {
      file: name,
      prompt_id: origin?.id ?? id,
      line: origin?.source.line ?? null,
      category: category !== undefined && known.has(category) ? category : null,
      pairs,
      right,
      asked,
      exact,
    };
  });
}

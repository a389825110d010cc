// Removing samples from tokenized prompts, with pairs and ranks renumbered.

import { comparisonCount, comparisonsOf, renumbered } from './comparisons';
import { note } from './report';
import type { ReportEntry, TokenizedPrompt } from './types';

/** The prompt with only those samples that `keep` names; pairs and comparisons that lose a side go. */
export function keepSamples(prompt: TokenizedPrompt, keep: (sample: number) => boolean): TokenizedPrompt {
  const places = new Map<number, number>();
  prompt.samples.forEach((_, i) => {
    if (keep(i)) places.set(i, places.size);
  });
  const { ranks, comparisons } = prompt;
  return {
    prompt: prompt.prompt,
    samples: prompt.samples.filter((_, i) => places.has(i)),
    pairs: prompt.pairs.flatMap(([chosen, rejected]): [number, number][] => {
      const [a, b] = [places.get(chosen), places.get(rejected)];
      return a === undefined || b === undefined ? [] : [[a, b]];
    }),
    ...(comparisons ? { comparisons: renumbered(comparisons, places) } : {}),
    ...(ranks ? { ranks: ranks.filter((_, i) => places.has(i)) } : {}),
  };
}

/**
 * For training: responses in no pair go, then prompts without pairs, as the original's filter has it. They would teach
 * nothing but the regularizer. What went is noted in `report`.
 */
export function pruneUnpaired(
  prompts: readonly TokenizedPrompt[],
  report: { entries: Map<string, ReportEntry> },
): TokenizedPrompt[] {
  const kept: TokenizedPrompt[] = [];
  for (const prompt of prompts) {
    const { source } = prompt.prompt;
    if (comparisonCount(prompt) === 0) {
      note(report, 'droppedPrompts', source);
      continue;
    }
    const used = new Set(comparisonsOf(prompt).flatMap(({ a, b }) => [a, b]));
    const unused = prompt.samples.length - used.size;
    if (unused > 0) note(report, 'droppedResponses', source, unused);
    kept.push(unused > 0 ? keepSamples(prompt, (i) => used.has(i)) : prompt);
  }
  return kept;
}

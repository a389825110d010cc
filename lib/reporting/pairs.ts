// Every measured pair of an evaluation, with its texts.

import type { PreferencePrompt } from '../data/types';
import type { EvaluatedFile } from '../evaluation/evaluate';
import { comparisonMargin } from '../evaluation/metrics/comparisons';
import type { Comparison } from '../evaluation/metrics/types';
import type { WorstPair } from './content';

export interface ScoredPair {
  prompt: PreferencePrompt;
  /** Indices into the prompt's responses. */
  chosen: number;
  rejected: number;
  /** Chosen minus rejected, by rewards or by a judge's verdicts. */
  difference: number;
  /** For a reward model; float32, as measured. */
  rewards?: { chosen: number; rejected: number };
  comparison?: Comparison;
}

/**
 * The pairs that the file's figures use: those of the ranks if there are any, else the annotated ones; for a judge,
 * those that were judged.
 */
export function scoredPairs({ prompts, scores, report }: EvaluatedFile): ScoredPair[] {
  return prompts.flatMap((prompt, p): ScoredPair[] => {
    const { rewards, comparisons } = scores[p]!;
    if (comparisons)
      return comparisons.map((comparison) => ({
        prompt,
        chosen: comparison.chosen,
        rejected: comparison.rejected,
        difference: comparisonMargin(comparison),
        comparison,
      }));
    const order =
      report.basis === 'rank' ? rankedPairs(prompt.ranks) : report.basis === 'labels' ? distinct(prompt.pairs) : [];
    return order.flatMap(([chosen, rejected]): ScoredPair[] => {
      const [better, worse] = [rewards[chosen], rewards[rejected]];
      if (better === null || better === undefined || worse === null || worse === undefined) return [];
      const own = { chosen: Math.fround(better), rejected: Math.fround(worse) };
      return [{ prompt, chosen, rejected, difference: own.chosen - own.rejected, rewards: own }];
    });
  });
}

function rankedPairs(ranks: readonly number[] = []): [number, number][] {
  return ranks.flatMap((better, i) =>
    ranks.flatMap((worse, j): [number, number][] => (better < worse ? [[i, j]] : [])),
  );
}

const distinct = (pairs: readonly [number, number][]) => [
  ...new Map(pairs.map((pair) => [pair.join(), pair])).values(),
];

/** The pairs with the largest errors, worst first, at most one per prompt. */
export function worstPairs(pairs: readonly ScoredPair[], count: number): WorstPair[] {
  const wrong = pairs.filter(({ difference }) => difference < 0).sort((a, b) => a.difference - b.difference);
  const byPrompt = new Map<PreferencePrompt, ScoredPair>();
  for (const pair of wrong) if (!byPrompt.has(pair.prompt)) byPrompt.set(pair.prompt, pair);
  return [...byPrompt.values()]
    .slice(0, count)
    .map(({ prompt, chosen, rejected, difference, rewards, comparison }) => ({
      prompt,
      chosen,
      rejected,
      ...(rewards ? { rewards } : {}),
      ...(comparison
        ? {
            judged: {
              margin: difference,
              answers: comparison.judgements.map(({ first, verdict, answer }) => ({
                chosenFirst: first === chosen,
                verdict,
                answer,
              })),
            },
          }
        : {}),
    }));
}

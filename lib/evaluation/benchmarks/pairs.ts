// Any preference data as pairs: how often the chosen response's reward is above the rejected one's.

import type { PreferencePrompt } from '../../data/types';
import type { Benchmark, BenchmarkScore, FigureTerm, ScoredFile } from './benchmark';
import type { PromptScores } from '../predictors/predictor';
import { unitsByPrompt } from './figure';
import { groupBy, margin } from './scored_rows';

interface Counts {
  right: number;
  tied: number;
  pairs: number;
}

/** The annotated pairs; for a prompt with ranks but no pairs, the pairs that the ranks order. */
function pairsOfPrompt({ pairs, ranks }: PreferencePrompt): readonly (readonly [chosen: number, rejected: number])[] {
  if (pairs.length > 0 || !ranks) return pairs;
  return ranks.flatMap((better, i) =>
    ranks.flatMap((worse, j): [number, number][] => (better < worse ? [[i, j]] : [])),
  );
}

type Scored = Pick<PromptScores, 'rewards' | 'comparisons'> & { prompt: PreferencePrompt };

function countPairs(prompts: readonly Scored[]): Counts & { unscored: number } {
  const counts = { right: 0, tied: 0, pairs: 0, unscored: 0 };
  for (const { prompt, rewards, comparisons } of prompts) {
    const floats = Float32Array.from(rewards, (reward) => reward ?? NaN);
    for (const [chosen, rejected] of pairsOfPrompt(prompt)) {
      if (rewards[chosen] === null || rewards[rejected] === null) {
        counts.unscored++;
        continue;
      }
      const difference = margin({ rewards: floats, comparisons }, chosen, rejected);
      counts.pairs++;
      if (difference > 0) counts.right++;
      else if (difference === 0) counts.tied++;
    }
  }
  return counts;
}

/** Prompts are drawn, each with all of its pairs; prompts with the same text are drawn together. */
function pairTerm(prompts: readonly Scored[]): FigureTerm {
  const counts = unitsByPrompt(prompts).map(countPairs);
  return {
    weight: 1,
    numerators: Float64Array.from(counts, ({ right }) => right),
    denominators: Float64Array.from(counts, ({ pairs }) => pairs),
  };
}

/**
 * overall = pairs with chosen above rejected / all pairs; a tie is wrong. In addition, the accuracy with a tie as one
 * half.
 */
export const pairsBenchmark: Benchmark = {
  name: 'pairs',
  description: 'any preference data: accuracy over all pairs, a tie of rewards being wrong',
  overall(files: readonly ScoredFile[]): BenchmarkScore {
    const prompts = files.flatMap((file) =>
      file.prompts.map((prompt, i) => ({ file: file.name, prompt, ...file.scores[i]! })),
    );
    const total = countPairs(prompts);
    const rowOf = (name: string, { right, tied, pairs }: Counts) => ({
      name,
      values: [pairs, tied, right / pairs, (right + tied / 2) / pairs],
    });
    const notes: string[] = [];
    if (total.pairs === 0) notes.push('The data hold no pair of scored responses, so the accuracy is not defined.');
    if (total.unscored > 0) notes.push(`Pairs left out because a side was not scored: ${total.unscored}.`);
    const categories = groupBy(prompts, ({ prompt }) => prompt.category ?? '(no category)');
    const byFile =
      files.length > 1
        ? files.map(({ name }) => rowOf(name, countPairs(prompts.filter(({ file }) => file === name))))
        : [];
    const byCategory = categories.size > 1 ? [...categories].map(([name, own]) => rowOf(name, countPairs(own))) : [];
    return {
      overall: total.right / total.pairs,
      strata: [[pairTerm(prompts)]],
      formula:
        'pairs with the chosen reward above the rejected one / all pairs; equal rewards are wrong (in the last ' +
        'column they count one half)',
      notes,
      tables: [
        {
          title: 'Pairs',
          columns: [
            { name: 'pairs', kind: 'count' },
            { name: 'ties', kind: 'count' },
            { name: 'accuracy', kind: 'share' },
            { name: 'ties as ' + 'half', kind: 'share' },
          ],
          rows: [...byFile, ...byCategory, rowOf('all', total)],
        },
      ],
    };
  },
};

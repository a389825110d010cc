// Metrics of judges: verdicts on pairs instead of rewards. A judge need not be transitive, so nothing here is computed
// from one number per response.

import { pairsOf, type Groups } from './groups';
import type { Basis, Comparison, JudgeStatistics, Judgement } from './types';

/**
 * The original's figures of a judge, under their names and in their order: accuracy is the fraction of right pairs,
 * exact match the fraction of questions with every pair right (a tie or no verdict is wrong); plain names are the mean
 * over categories. Questions and categories without a pair do not count.
 */
export function judgedMetrics({ whole, categories }: Groups, basis: Basis): Record<string, number> {
  const groups = categories.length > 0 ? categories : [whole];
  const values = groups.map(({ prompts }) => {
    const asked = prompts.filter((prompt) => pairsOf(prompt, basis).length > 0);
    const pairs = asked.flatMap((prompt) =>
      pairsOf(prompt, basis).map(([chosen, rejected]) => prompt.difference(chosen, rejected) > 0),
    );
    const exact = asked.filter((prompt) =>
      pairsOf(prompt, basis).every(([chosen, rejected]) => prompt.difference(chosen, rejected) > 0),
    );
    return { accuracy: pairs.filter(Boolean).length / pairs.length, exact: exact.length / asked.length };
  });
  const mean = (of: 'accuracy' | 'exact') => values.reduce((sum, value) => sum + value[of], 0) / values.length;
  const metrics: Record<string, number> = {
    [`accuracy-${basis}`]: mean('accuracy'),
    [`exact_match-${basis}`]: mean('exact'),
  };
  for (const [i, { category }] of categories.entries()) {
    metrics[`accuracy-${basis}-${category!}`] = values[i]!.accuracy;
    metrics[`exact_match-${basis}-${category!}`] = values[i]!.exact;
  }
  return metrics;
}

/** The formula of each figure of `JudgeStatistics`, for readers of results.json. */
export const JUDGE_FORMULAS: Readonly<Partial<Record<keyof JudgeStatistics, string>>> = {
  unparsable_share: 'judgements without a verdict / all judgements',
  tie_share: 'ties / all judgements',
  judgement_accuracy: 'judgements that call the chosen response better / all judgements',
  both_right_share: 'pairs right in both orders / pairs judged in both orders',
  consistency:
    'pairs with the same verdict on the responses in both orders / pairs judged in both orders; without a ' +
    'verdict a pair is inconsistent',
  agreement: 'the same, over the pairs that have a verdict in both orders',
  first_share:
    'verdicts for the response shown first / verdicts for either response; 0.5 where both orders are judged and ' +
    'position plays no part',
  accuracy_chosen_first: 'judgement accuracy where the chosen response was shown first',
  accuracy_chosen_second: 'judgement accuracy where it was shown second',
  position_bias: 'accuracy_chosen_first - accuracy_chosen_second; above 0: the judge favors what it reads first',
};

export function judgeStatistics(comparisons: readonly Comparison[]): JudgeStatistics {
  const all = comparisons.flatMap(({ chosen, judgements }) =>
    judgements.map((judgement) => ({ judgement, chosenFirst: judgement.first === chosen })),
  );
  const isRight = ({ judgement, chosenFirst }: (typeof all)[number]) => judgement.verdict === (chosenFirst ? 'A' : 'B');
  const share = <T>(of: readonly T[], test: (one: T) => boolean) => of.filter(test).length / of.length;
  const decided = all.filter(({ judgement: { verdict } }) => verdict === 'A' || verdict === 'B');
  const [shownFirst, shownSecond] = [all.filter((one) => one.chosenFirst), all.filter((one) => !one.chosenFirst)];
  const inBoth = comparisons.filter(({ judgements }) => judgements.length === 2);
  const parsed = inBoth.filter(({ judgements }) => judgements.every(({ verdict }) => verdict !== 'unparsable'));
  const unparsable = all
    .filter(({ judgement }) => judgement.verdict === 'unparsable')
    .map(({ judgement }) => judgement);
  const [accuracyFirst, accuracySecond] = [share(shownFirst, isRight), share(shownSecond, isRight)];
  return {
    pairs: comparisons.length,
    judgements: all.length,
    unparsable: unparsable.length,
    unparsable_share: unparsable.length / all.length,
    unparsable_because: {
      no_verdict: unparsable.filter(({ finish }) => finish === undefined || finish === 'stop' || finish === 'other')
        .length,
      cut_off: unparsable.filter(({ finish }) => finish === 'length').length,
      filtered: unparsable.filter(({ finish }) => finish === 'filtered').length,
      too_long: unparsable.filter(({ finish }) => finish === 'too_long').length,
    },
    tie_share: share(all, ({ judgement }) => judgement.verdict === 'tie'),
    judgement_accuracy: share(all, isRight),
    ...(inBoth.length > 0
      ? {
          both_right_share: share(inBoth, ({ chosen, judgements }) =>
            judgements.every((judgement) => winner(judgement) === chosen),
          ),
          consistency: parsed.filter(isConsistent).length / inBoth.length,
          agreement: share(parsed, isConsistent),
        }
      : {}),
    first_share: share(decided, ({ judgement }) => judgement.verdict === 'A'),
    accuracy_chosen_first: accuracyFirst,
    accuracy_chosen_second: accuracySecond,
    position_bias: accuracyFirst - accuracySecond,
  };
}

const winner = ({ first, second, verdict }: Judgement) =>
  verdict === 'A' ? first : verdict === 'B' ? second : verdict;

function isConsistent({ judgements }: Comparison): boolean {
  return winner(judgements[0]!) === winner(judgements[1]!);
}

// JudgeBench (arXiv 2410.12784): pairs of answers to hard questions, one of them objectively right.

import type { JsonObject } from '../../data/fields';
import type { PreferencePrompt, Source } from '../../data/types';
import type { Benchmark, BenchmarkScore, ScoredFile } from './benchmark';
import { meanTerm, unitsByPrompt } from './figure';
import { RowFields } from './row_fields';
import { groupBy, inOrder, margin, mean, scoredRows, type ScoredRow } from './scored_rows';

const LABELS = ['A>B', 'B>A'] as const;
const GROUPS = ['knowledge', 'reasoning', 'math', 'coding'] as const;
const FIELDS = '{pair_id, source, question, response_A, response_B, label: "A>B" | "B>A"}';

/** A label of JudgeBench: which response is better. */
export type JudgeBenchLabel = (typeof LABELS)[number];
/** A verdict in terms of the answers as they were shown: the one shown first is A. Null: none could be read. */
export type Verdict = JudgeBenchLabel | 'A=B' | null;

/**
 * Whether a pair counts as right: over the verdicts in both orders, a right one adds 1, a wrong one subtracts 1, a tie
 * or no verdict adds nothing; the sum must be above 0. So right once and undecided once passes; right once and wrong
 * once does not.
 * @param second the verdict with the answers in the other order.
 */
export function isRightInBothOrders(label: JudgeBenchLabel, first: Verdict, second: Verdict): boolean {
  const value = (verdict: Verdict, right: JudgeBenchLabel) =>
    verdict === null || verdict === 'A=B' ? 0 : verdict === right ? 1 : -1;
  return value(first, label) + value(second, label === 'A>B' ? 'B>A' : 'A>B') > 0;
}

/** livebench-math -> math, and so on; every mmlu-pro subject is knowledge. */
function groupOfSource(source: string): (typeof GROUPS)[number] | undefined {
  if (source.startsWith('mmlu-pro')) return 'knowledge';
  if (source.startsWith('livebench-reasoning')) return 'reasoning';
  if (source.startsWith('livebench-math')) return 'math';
  return source.startsWith('livecodebench') ? 'coding' : undefined;
}

function read(row: JsonObject, source: Source): PreferencePrompt {
  const fields: RowFields = new RowFields(row, source, `a JudgeBench row is ${FIELDS}`);
  const [question, a, b, from] = [
    fields.text('question'),
    fields.text('response_A'),
    fields.text('response_B'),
    fields.text('source'),
  ];
  const category = groupOfSource(from);
  if (category === undefined)
    fields.fail(`source is "${from}"; known are mmlu-pro-..., livebench-reasoning, livebench-math and livecodebench`);
  return {
    id: fields.id('pair_id'),
    prompt: question,
    responses: [
      { id: 'A', content: a, source },
      { id: 'B', content: b, source },
    ],
    pairs: [fields.oneOf('label', LABELS) === 'A>B' ? [0, 1] : [1, 0]],
    category,
    source,
  };
}

/**
 * The same rule as a sign: a judge's margin is half the sum of `isRightInBothOrders`. A reward does not know the order,
 * and equal rewards are a tie in both.
 */
function isRight(row: ScoredRow): boolean {
  const [chosen, rejected] = row.prompt.pairs[0]!;
  return margin(row, chosen, rejected) > 0;
}

export const judgeBench: Benchmark = {
  name: 'judgebench',
  description: 'JudgeBench: pairs of answers to hard questions, accuracy in both orders',
  format: { fields: FIELDS, read },
  overall(files: readonly ScoredFile[]): BenchmarkScore {
    const { rows, notes } = scoredRows(files);
    const accuracyOf = (own: readonly ScoredRow[]) => mean(own.map((row) => Number(isRight(row))));
    const groups = inOrder(
      groupBy(rows, ({ prompt }) => prompt.category!),
      GROUPS,
    );
    return {
      overall: accuracyOf(rows),
      strata: [[meanTerm(1, unitsByPrompt(rows), (row) => Number(isRight(row)))]],
      formula:
        'right pairs / all pairs; over both orders a right verdict adds 1, a wrong one takes 1, and a pair is ' +
        'right above 0: for rewards, ' +
        'where the right answer has the higher one; equal rewards are wrong',
      notes,
      tables: [
        {
          title: 'Groups',
          columns: [
            { name: 'pairs', kind: 'count' },
            { name: 'accuracy', kind: 'share' },
          ],
          rows: [
            ...groups.map(([name, own]) => ({ name, values: [own.length, accuracyOf(own)] })),
            { name: 'all', values: [rows.length, accuracyOf(rows)] },
          ],
        },
      ],
    };
  },
};

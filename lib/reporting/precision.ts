// What a model's precision does, beside the usual figures: sentences for a terminal, a section for a report.

import type { InBothPrecisions, PrecisionComparison } from '../evaluation/compare_precision';
import { describeShift } from '../evaluation/metrics/reward_shift';
import { COUNT, NUMBER, SHARE, TEXT, type Cell, type Column, type Section } from './content';

const FLIPPED = 'A flipped pair is right in one precision and not in the other; a tie of rewards is not right.';

/** Head and rows of a file's table, and the sentences below it. */
export function filePrecision(
  { precision, files }: PrecisionComparison,
  name: string,
): { cells: string[][]; sentences: string[] } {
  const { accuracy, exactMatch, shift } = files.find((file) => file.name === name)!;
  const show = (value: number) => (Number.isNaN(value) ? 'n/a' : value.toFixed(3));
  const cells =
    accuracy && exactMatch
      ? [
          ['', 'accuracy', 'exact match'],
          [precision, show(accuracy.chosen), show(exactMatch.chosen)],
          ['float32', show(accuracy.float32), show(exactMatch.float32)],
        ]
      : [];
  const flipped = shift.pairs > 0 ? [`${shift.changedPairs} of ${shift.pairs} pairs are flipped.`] : [];
  const deviation = shift.standardDeviation > 0 ? ` of ${shift.standardDeviation.toPrecision(4)}` : '';
  return { cells, sentences: [...flipped, `${precision} moves rewards by ${describeShift(shift)}${deviation}.`] };
}

/** Below the overall figure. */
export const overallPrecision = ({ overall: { float32 } }: PrecisionComparison): string[] => [
  `overall in float32 = ${Number.isNaN(float32) ? 'n/a' : float32.toFixed(3)}`,
  FLIPPED,
];

/** One row per data set. */
export function precisionSection({ precision, overall, files }: PrecisionComparison): Section {
  const columns = (name: string): Column[] => [SHARE(`${name}, ${precision}`), SHARE(`${name}, float32`)];
  const cells = (figure: InBothPrecisions | undefined): Cell[] => [figure?.chosen, figure?.float32];
  return {
    title: `${precision} beside float32`,
    paragraphs: [
      `The same model scored the same data in both. Overall: ${overall.chosen.toFixed(3)} in ${precision}, ` +
        `${overall.float32.toFixed(3)} in float32. ${FLIPPED}`,
    ],
    tables: [
      {
        title: `Rewards and figures in ${precision} and in float32`,
        columns: [
          TEXT(''),
          ...columns('accuracy'),
          ...columns('exact match'),
          COUNT('pairs'),
          COUNT('flipped pairs'),
          NUMBER('largest difference of rewards'),
          NUMBER('root mean square'),
          NUMBER('standard deviation of rewards'),
        ],
        rows: files.map(({ name, accuracy, exactMatch, shift }) => ({
          cells: [
            name,
            ...cells(accuracy),
            ...cells(exactMatch),
            shift.pairs,
            shift.changedPairs,
            shift.largestShift,
            shift.rmsShift,
            shift.standardDeviation,
          ],
        })),
      },
    ],
    charts: [],
  };
}

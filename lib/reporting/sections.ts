// An evaluation as sections of a report: figures, tables, charts, pairs to read.

import { counted } from '../text/counted';
import { CHEEMS_FILES } from '../hub/cheems_data';
import { headlineMetrics } from '../evaluation/benchmarks/cheems_bench';
import type { ScoreTable } from '../evaluation/benchmarks/benchmark';
import type { EvaluatedFile, Evaluation } from '../evaluation/evaluate';
import { listedCategories, listedRows, listingNotes, MOST_LISTED } from './listing';
import { calibrationCurve } from '../evaluation/metrics/calibration';
import { isFigureOfWhole } from '../evaluation/metrics/compute';
import { JUDGE_FORMULAS } from '../evaluation/metrics/judged';
import type { JudgeStatistics, LengthBin } from '../evaluation/metrics/types';
import type { CalibrationPoint, ChartMaker, HistogramBin } from './charts';
import { COUNT, NUMBER, SHARE, TEXT, type Cell, type Chart, type ReportTable, type Section } from './content';
import { scoredPairs, worstPairs, type ScoredPair } from './pairs';
import { PUBLISHED_ROWS, PUBLISHED_SOURCE } from './published';

const WORST_PAIRS = 20;
const HISTOGRAM_BINS = 24;

const valueOf = ({ report: { cheems, extras } }: EvaluatedFile, name: string): number | undefined =>
  cheems[name] ?? extras[name];
const cellOf = (file: EvaluatedFile, name: string): Cell => {
  const value = valueOf(file, name);
  return value === undefined ? undefined : { value, interval: file.report.intervals[name] };
};

/** The benchmark's own tables; empty if the files' metrics are its result. */
export function benchmarkSection({ benchmark, tables, formula, notes }: Evaluation): Section[] {
  if (!tables) return [];
  return [
    {
      title: `Benchmark: ${benchmark}`,
      paragraphs: [`overall = ${formula}`, ...notes],
      tables: tables.map(benchmarkTable),
      charts: [],
    },
  ];
}

function benchmarkTable({ title, columns, rows }: ScoreTable): ReportTable {
  const notes =
    rows.length > MOST_LISTED ? [`Listed are ${MOST_LISTED} of ${rows.length} rows; results.json has all.`] : [];
  return {
    title,
    columns: [TEXT(''), ...columns],
    rows: listedRows(rows).map(({ name, values }) => ({ cells: [name, ...values] })),
    notes,
  };
}

/** Which half of CheemsBench each file is, by its digest, else (`certain` false) by its name. */
function halvesOf(evaluation: Evaluation, digests: ReadonlyMap<string, string>) {
  const halfOf = (file: EvaluatedFile) => {
    for (const half of ['open', 'human'] as const) {
      const published = CHEEMS_FILES.find(({ path }) => path === `cheems_bench/${half}.jsonl`)!;
      if (file.files.some((path) => digests.get(path) === published.sha256)) return { half, certain: true };
    }
    const named = /(?:^|[/\\])(open|human)[^/\\]*$/.exec(file.name);
    return named ? { half: named[1] as 'open' | 'human', certain: false } : undefined;
  };
  const found = evaluation.files.map((file) => ({ file, ...halfOf(file) }));
  return { open: found.find(({ half }) => half === 'open'), human: found.find(({ half }) => half === 'human') };
}

/** This evaluation's row above those of the paper. Only for CheemsBench; `isComparable`: the data are its two files. */
export function publishedSection(
  evaluation: Evaluation,
  digests: ReadonlyMap<string, string>,
): { section: Section; isComparable: boolean } | undefined {
  if (evaluation.benchmark !== 'cheems-bench') return undefined;
  const { open, human } = halvesOf(evaluation, digests);
  const isWhole = evaluation.files.length === 2 && open?.certain === true && human?.certain === true;
  const own = (half: typeof open, which: 'accuracy' | 'exactMatch'): Cell => {
    const names = half && headlineMetrics(half.file);
    return names ? cellOf(half.file, names[which]) : undefined;
  };
  const ownCells: Cell[] = [
    evaluation.predictor.name,
    'this evaluation',
    own(open, 'accuracy'),
    own(open, 'exactMatch'),
    own(human, 'accuracy'),
    own(human, 'exactMatch'),
    evaluation.overall,
  ];
  const caution = isWhole
    ? 'The data are the published CheemsBench files, checked by their digests.'
    : 'The data are not the two published CheemsBench files (by their digests), so this row and the published ' +
      'ones are not comparable: they are here for orientation only.';
  const section: Section = {
    title: 'Beside the published results',
    paragraphs: [caution, PUBLISHED_SOURCE],
    tables: [
      {
        title: 'CheemsBench, this evaluation and published rows',
        columns: [
          TEXT('model'),
          TEXT('kind'),
          SHARE('open accuracy'),
          SHARE('open exact match'),
          SHARE('human accuracy'),
          SHARE('human exact match'),
          SHARE('overall'),
        ],
        rows: [
          { cells: ownCells, isOwn: true },
          ...PUBLISHED_ROWS.map((row) => ({
            cells: [
              row.name,
              `published ${row.kind}`,
              row.openAccuracy,
              row.openExactMatch,
              row.humanAccuracy,
              row.humanExactMatch,
              row.overall,
            ],
          })),
        ],
      },
    ],
    charts: [],
  };
  return { section, isComparable: isWhole };
}

export function fileSection(file: EvaluatedFile, isMany: boolean, charts: ChartMaker): Section {
  const { report } = file;
  const pairs = scoredPairs(file);
  const drawn: Chart[] = [
    ...categoryChart(file, charts),
    ...calibrationChart(pairs, charts),
    ...distributionChart(pairs, charts),
    ...lengthChart(file, charts),
  ];
  return {
    title: isMany ? file.name : `Results on ${file.name}`,
    paragraphs: [
      `${counted(report.counts.prompts, 'prompt')}, ${counted(report.counts.responses, 'response')}.`,
      ...report.notes,
      ...file.dataReport,
    ],
    tables: [...headlineTable(file), ...(report.judge ? [judgeTable(report.judge)] : [])],
    furtherTables: [metricsTable(file)],
    charts: drawn,
    pairs: worstPairs(pairs, WORST_PAIRS),
  };
}

function headlineTable(file: EvaluatedFile): ReportTable[] {
  const names = headlineMetrics(file);
  if (!names) return [];
  const { basis, categories, counts } = file.report;
  const pairsIn = (own: { rankPairs: number; labelPairs: number }) =>
    basis === 'rank' ? own.rankPairs : own.labelPairs;
  const row = (label: string, suffix: string, own: { prompts: number; rankPairs: number; labelPairs: number }) => ({
    cells: [
      label,
      own.prompts,
      pairsIn(own),
      cellOf(file, names.accuracy + suffix),
      cellOf(file, names.exactMatch + suffix),
      valueOf(file, `length_accuracy-${basis}${suffix}`),
    ],
  });
  const rows =
    categories.length === 0
      ? [row('all', '', counts)]
      : [
          ...listedCategories(file.report).map((category) =>
            row(category, `-${category}`, counts.byCategory[category]!),
          ),
          { ...row('macro mean', '', counts), isOwn: true },
          { cells: ['all pairs', counts.prompts, pairsIn(counts), cellOf(file, `accuracy_micro-${basis}`)] },
        ];
  return [
    {
      title: 'Accuracy and exact match',
      columns: [
        TEXT('category'),
        COUNT('prompts'),
        COUNT('pairs'),
        SHARE('accuracy'),
        SHARE('exact match'),
        SHARE('longer alone'),
      ],
      rows,
      notes: [
        ...listingNotes(file.report),
        'Beside the figures: their bootstrap intervals over prompts. longer alone: the accuracy of choosing the ' +
          'longer response.',
      ],
    },
  ];
}

/** All figures of the whole (not by category) that results.json has. */
function metricsTable(file: EvaluatedFile): ReportTable {
  const { cheems, extras, categories } = file.report;
  const names = [...Object.keys(cheems), ...Object.keys(extras)].filter(isFigureOfWhole);
  return {
    title: 'All figures',
    columns: [TEXT('figure'), NUMBER('value')],
    rows: names.map((name) => ({ cells: [name, cellOf(file, name)] })),
    notes: categories.length > 0 ? ['Means over categories; those of each category are in results.json.'] : [],
  };
}

function judgeTable(judge: JudgeStatistics): ReportTable {
  const { unparsable_because: because, ...figures } = judge;
  const rows = Object.entries(figures).map(([name, value]): { cells: Cell[] } => ({
    cells: [name, value, JUDGE_FORMULAS[name as keyof JudgeStatistics] ?? ''],
  }));
  return {
    title: 'The judge',
    columns: [TEXT('figure'), NUMBER('value'), TEXT('what it is')],
    rows: [...rows, ...Object.entries(because).map(([why, count]) => ({ cells: [`unparsable: ${why}`, count, ''] }))],
  };
}

function categoryChart(file: EvaluatedFile, charts: ChartMaker): Chart[] {
  const names = headlineMetrics(file);
  if (!names) return [];
  const suffixes =
    file.report.categories.length > 0
      ? [...listedCategories(file.report).map((name) => [name, `-${name}`] as const), ['macro mean', ''] as const]
      : [['all', ''] as const];
  const bars = suffixes.map(([name, suffix]) => ({
    name,
    value: valueOf(file, names.accuracy + suffix) ?? NaN,
    interval: file.report.intervals[names.accuracy + suffix],
  }));
  const description =
    'Accuracy by category with bootstrap intervals: ' +
    `${bars.map(({ name, value }) => `${name} ${value.toFixed(3)}`).join(', ')}. The dashed line is chance.`;
  return [
    {
      title: 'Accuracy by category',
      description,
      svg: charts.shares(bars, 'accuracy'),
      table: {
        title: 'Accuracy by category',
        columns: [TEXT('category'), SHARE('accuracy')],
        rows: bars.map(({ name, value, interval }) => ({ cells: [name, { value, interval }] })),
        notes: listingNotes(file.report),
      },
    },
  ];
}

function calibrationChart(pairs: readonly ScoredPair[], charts: ChartMaker): Chart[] {
  const sides = pairs.flatMap(({ rewards }) => (rewards ? [rewards] : []));
  if (sides.length === 0) return [];
  const curve = calibrationCurve(
    sides.map(({ chosen }) => chosen),
    sides.map(({ rejected }) => rejected),
    { countEveryPair: true },
  );
  const points = curve.counts.map((count, i): CalibrationPoint => ({
    predicted: 1 / (1 + Math.exp(-curve.differences[i]!)),
    accuracy: curve.accuracies[i]!,
    pairs: count,
  }));
  const description =
    'Calibration: in each bin of reward difference, the probability that the rewards claim and the accuracy: ' +
    `${points.map(({ predicted, accuracy, pairs: n }) => `${predicted.toFixed(2)} claimed, ${accuracy.toFixed(2)} right of ${n}`).join('; ')}.`;
  return [
    {
      title: 'Calibration',
      description,
      svg: charts.calibration(points),
      table: {
        title: 'Calibration',
        columns: [
          TEXT('bin'),
          NUMBER('mean difference'),
          SHARE('claimed probability'),
          SHARE('accuracy'),
          COUNT('pairs'),
        ],
        rows: points.map(({ predicted, accuracy, pairs: n }, i) => ({
          cells: [String(i + 1), curve.differences[i]!, predicted, accuracy, n],
        })),
        notes: [
          'Five bins of |chosen - rejected|; claimed: sigmoid of the mean difference; a tie counts one half. On ' +
            'the dashed line the rewards are calibrated; above it they are underconfident. The larger the dot, ' +
            'the more pairs.',
        ],
      },
    },
  ];
}

/** Equal bins from the lowest to the highest reward of any pair. */
export function histogram(pairs: readonly ScoredPair[], count = HISTOGRAM_BINS): HistogramBin[] {
  const sides = pairs.flatMap(({ rewards }) => (rewards ? [rewards] : []));
  if (sides.length === 0) return [];
  let [low, high] = [Infinity, -Infinity];
  for (const { chosen, rejected } of sides) {
    low = Math.min(low, chosen, rejected);
    high = Math.max(high, chosen, rejected);
  }
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const step = (high - low) / count;
  const bins = Array.from({ length: count }, (_, i): HistogramBin => ({
    from: low + i * step,
    to: low + (i + 1) * step,
    chosen: 0,
    rejected: 0,
  }));
  const binOf = (reward: number) => bins[Math.min(count - 1, Math.floor((reward - low) / step))]!;
  for (const { chosen, rejected } of sides) {
    binOf(chosen).chosen++;
    binOf(rejected).rejected++;
  }
  return bins;
}

function distributionChart(pairs: readonly ScoredPair[], charts: ChartMaker): Chart[] {
  const bins = histogram(pairs);
  if (bins.length === 0) return [];
  const mean = (side: 'chosen' | 'rejected') =>
    pairs.reduce((sum, { rewards }) => sum + rewards![side], 0) / pairs.length;
  const description =
    `Rewards of the chosen (mean ${mean('chosen').toPrecision(3)}) and of the rejected responses (mean ` +
    `${mean('rejected').toPrecision(3)}) of ${counted(pairs.length, 'pair')}, as two histograms over one another.`;
  return [
    {
      title: 'Rewards of chosen and rejected',
      description,
      svg: charts.rewards(bins),
      table: {
        title: 'Rewards of chosen and rejected',
        columns: [TEXT('reward'), COUNT('chosen'), COUNT('rejected')],
        rows: bins.map(({ from, to, chosen, rejected }) => ({
          cells: [`${from.toPrecision(4)} to ${to.toPrecision(4)}`, chosen, rejected],
        })),
        notes: ['One entry per pair and side. Filled: chosen; dashed outline: rejected.'],
      },
    },
  ];
}

function lengthChart({ report: { length } }: EvaluatedFile, charts: ChartMaker): Chart[] {
  const bins = length?.bins.filter((bin) => bin.pairs > 0) ?? [];
  if (!length || bins.length === 0) return [];
  const bars = bins.map((bin) => ({ name: lengthBinName(bin), value: bin.accuracy }));
  const description =
    `Accuracy by length of chosen minus rejected in ${length.unit}: ` +
    `${bars.map(({ name, value }) => `${name}: ${value.toFixed(3)}`).join(', ')}. The dashed line is chance.`;
  return [
    {
      title: `Accuracy by length difference (${length.unit})`,
      description,
      svg: charts.shares(bars, 'accuracy'),
      table: {
        title: `Accuracy by length of chosen minus rejected, ${length.unit}`,
        columns: [TEXT('difference'), COUNT('pairs'), SHARE('accuracy')],
        rows: bins.map((bin) => ({ cells: [lengthBinName(bin), bin.pairs, bin.accuracy] })),
        notes: [
          'A model that only follows length is right where the chosen response is longer and wrong where it is ' +
            'shorter.',
        ],
      },
    },
  ];
}

function lengthBinName({ from, to }: LengthBin): string {
  const edge = (value: number) => (value > 0 ? `+${value}` : String(value));
  if (from === 0 && to === 1) return 'equal';
  if (from === -Infinity) return `${edge(to - 1)} and less`;
  if (to === Infinity) return `${edge(from)} and more`;
  return `${edge(from)} to ${edge(to - 1)}`;
}

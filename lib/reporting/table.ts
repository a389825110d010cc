// The result on a terminal of any width, or as plain text.

import { counted } from '../text/counted';
import { visibleLine } from '../text/visible';
import { displayWidth } from '../text/width';
import { headlineMetrics } from '../evaluation/benchmarks/cheems_bench';
import type { ScoreTable } from '../evaluation/benchmarks/benchmark';
import type { EvaluatedFile, Evaluation } from '../evaluation/evaluate';
import type { PrecisionComparison } from '../evaluation/compare_precision';
import { filePrecision, overallPrecision } from './precision';
import { listedCategories, listedRows, listingNotes, MOST_LISTED } from './listing';
import type { Interval, JudgeStatistics, LengthBin } from '../evaluation/metrics/types';

/** How a table is drawn. */
export interface TableOptions {
  /** Columns of the terminal. */
  width?: number;
  /** Whether to draw lines. If false, columns are separated by spaces only and text is not wrapped. */
  lines?: boolean;
}

interface Column {
  head: string;
  cell: (row: Row) => string;
}

interface Row {
  label: string;
  prompts: string;
  pairs: string;
  accuracy: number | undefined;
  accuracyInterval: Interval | undefined;
  exactMatch: number | undefined;
  exactMatchInterval: Interval | undefined;
  longer: number | undefined;
}

const PLAIN_WIDTH = 120;
const NARROWEST = 32;

/** The table for a stream: lines and its width on a terminal, plain text elsewhere. */
export function tableFor(
  evaluation: Evaluation,
  stream: { isTTY?: boolean; columns?: number } = process.stdout,
): string {
  return formatEvaluation(evaluation, stream.isTTY ? { lines: true, width: stream.columns ?? 80 } : {});
}

/** The whole result as text that ends in a newline. No line is wider than `width`, except for a single word that is. */
export function formatEvaluation(
  evaluation: Evaluation,
  { lines = false, width = PLAIN_WIDTH }: TableOptions = {},
): string {
  const room = Math.max(width, NARROWEST);
  const level = `${Number((evaluation.bootstrap.level * 100).toFixed(2))} %`;
  const { files, tables } = evaluation;
  const precision = evaluation.precisionComparison;
  const below = (file: EvaluatedFile) => (precision ? [precisionBlock(precision, file.name, room, lines)] : []);
  const blocks = tables
    ? [
        ...files.flatMap((file) => [fileHead(file, room, lines), ...below(file)]),
        ...tables.map((table) => scoreTable(table, room, lines)),
      ]
    : files.flatMap((file) => [...fileBlocks(file, level, room, lines), ...below(file)]);
  const summary = [
    'overall = ' +
      `${share(evaluation.overall)}${evaluation.overallInterval ? ` (${level}: ${range(evaluation.overallInterval)})` : ''} ` +
      `  (${evaluation.formula})`,
    ...(precision ? overallPrecision(precision) : []),
    ...evaluation.notes.map((note) => `Note: ${note}`),
    ...(tables ? tablesLegend(evaluation, level) : legend(evaluation, level)),
  ];
  blocks.push(summary.map((line) => wrap(line, lines ? room : Infinity)).join('\n'));
  return `${blocks.join('\n\n')}\n`;
}

const bootstrapLine = ({ resamples, seed }: Evaluation['bootstrap'], level: string) =>
  `${level}: bootstrap interval over prompts (${resamples} resamples, seed ${seed}).`;
const tablesLegend = ({ overallInterval, bootstrap }: Evaluation, level: string) =>
  overallInterval ? [bootstrapLine(bootstrap, level)] : [];

function legend({ bootstrap, files }: Evaluation, level: string): string[] {
  const lines: string[] = [];
  if (bootstrap.resamples > 0) lines.push(bootstrapLine(bootstrap, level));
  if (files.some((file) => file.report.judge))
    lines.push(
      'A judge is right about a pair if it prefers the better response over all orders shown; undecided is ' +
        'wrong. exact match: prompts with every pair right.',
    );
  if (files.some((file) => file.report.length))
    lines.push('longer: the accuracy of choosing the longer response alone.');
  if (files.some((file) => file.report.categories.length > 0))
    lines.push('macro mean: every category has the same weight, as in the overall figure; all pairs: every pair has.');
  return lines;
}

/** The heading of a file for benchmarks with their own tables: what was read, and what was not scored. */
function fileHead(file: EvaluatedFile, width: number, lines: boolean): string {
  const textWidth = lines ? width : Infinity;
  const { judge } = file.report;
  return [
    fileTitle(file, textWidth),
    ...(judge ? judgeRemarks(judge).map((line) => wrap(line, textWidth)) : []),
    ...file.scoringNotes.map((note) => wrap(`Note: ${note}`, textWidth)),
  ].join('\n');
}

function fileTitle({ name, report: { counts } }: EvaluatedFile, textWidth: number): string {
  return `${shorten(name, textWidth)}\n${wrap(`${counted(counts.prompts, 'prompt')}, ${counted(counts.responses, 'response')}`, textWidth)}`;
}

function scoreTable({ title, columns, rows }: ScoreTable, width: number, lines: boolean): string {
  const cells = [
    ['', ...columns.map(({ name }) => name)],
    ...listedRows(rows).map(({ name, values }) => [
      visibleLine(name),
      ...columns.map(({ kind }, i) => show[kind](values[i])),
    ]),
  ];
  const left =
    rows.length > MOST_LISTED
      ? [wrap(`Listed are ${MOST_LISTED} of ${rows.length} rows; results.json has all.`, lines ? width : Infinity)]
      : [];
  return [
    wrap(title, lines ? width : Infinity),
    ...columnsThatFit(cells, width).map((part) => draw(part, width, lines)),
    ...left,
  ].join('\n');
}

/**
 * Splits a table that is too wide into several, one below the other, each with the first column, which may shrink to a
 * quarter of the width.
 */
function columnsThatFit(cells: readonly (readonly string[])[], width: number): string[][][] {
  const widths = cells[0]!.map((_, column) => widest(cells, column) + 3);
  const room = width - 1 - Math.min(widths[0]!, Math.floor(width / 4));
  const parts: number[][] = [];
  let taken = Infinity;
  for (let column = 1; column < widths.length; column++) {
    if (taken + widths[column]! > room) {
      parts.push([]);
      taken = 0;
    }
    parts.at(-1)!.push(column);
    taken += widths[column]!;
  }
  return parts.map((columns) => cells.map((row) => [row[0]!, ...columns.map((column) => row[column]!)]));
}

function fileBlocks(file: EvaluatedFile, level: string, width: number, lines: boolean): string[] {
  const { notes } = file.report;
  const textWidth = lines ? width : Infinity;
  const title = fileTitle(file, textWidth);
  const rows = rowsOf(file);
  const blocks = [title];
  if (rows.length > 0) blocks[0] += `\n${drawTable(columnsFor(width, level), rows, width, lines)}`;
  const remarks = [
    ...listingNotes(file.report),
    ...remarksOn(file, level, width),
    ...notes.map((note) => `Note: ${note}`),
  ].map((line) => wrap(line, textWidth));
  if (remarks.length > 0) blocks.push(remarks.join('\n'));
  const bins = file.report.length?.bins.filter((bin) => bin.pairs > 0) ?? [];
  if (bins.length > 0) blocks.push(drawBins(bins, file.report.length!.unit, width, lines));
  return blocks;
}

/** A file's figures in both precisions. */
function precisionBlock(comparison: PrecisionComparison, name: string, width: number, lines: boolean): string {
  const { cells, sentences } = filePrecision(comparison, name);
  return [
    ...(cells.length > 0 ? [draw(cells, width, lines)] : []),
    ...sentences.map((line) => wrap(line, lines ? width : Infinity)),
  ].join('\n');
}

/** More columns if there is space: at width 80 the intervals of the exact match are left out, at 40 all intervals. */
function columnsFor(width: number, level: string): Column[] {
  const label: Column = { head: '', cell: (row) => row.label };
  const prompts: Column = { head: 'prompts', cell: (row) => row.prompts };
  const pairs: Column = { head: 'pairs', cell: (row) => row.pairs };
  const accuracy: Column = { head: 'accuracy', cell: (row) => share(row.accuracy) };
  const accuracyInterval: Column = { head: level, cell: (row) => range(row.accuracyInterval) };
  const exactMatch: Column = { head: 'exact match', cell: (row) => share(row.exactMatch) };
  const exactMatchInterval: Column = { head: level, cell: (row) => range(row.exactMatchInterval) };
  const longer: Column = { head: width < 100 ? 'longer' : 'longer alone', cell: (row) => share(row.longer) };
  if (width >= 100) return [label, prompts, pairs, accuracy, accuracyInterval, exactMatch, exactMatchInterval, longer];
  if (width >= 70) return [label, pairs, accuracy, accuracyInterval, exactMatch, longer];
  return [label, { ...accuracy, head: 'acc.' }, { ...exactMatch, head: 'exact' }, longer];
}

function rowsOf(file: EvaluatedFile): Row[] {
  const { report } = file;
  const names = headlineMetrics(file);
  if (!names) return [];
  const { cheems, extras, intervals, counts } = report;
  const value = (name: string) => cheems[name] ?? extras[name];
  const ofGroup = (
    label: string,
    suffix: string,
    own: { prompts: number; rankPairs: number; labelPairs: number },
  ): Row => ({
    label,
    prompts: String(own.prompts),
    pairs: String(report.basis === 'rank' ? own.rankPairs : own.labelPairs),
    accuracy: value(names.accuracy + suffix),
    accuracyInterval: intervals[names.accuracy + suffix],
    exactMatch: value(names.exactMatch + suffix),
    exactMatchInterval: intervals[names.exactMatch + suffix],
    longer: value(`length_accuracy-${report.basis}${suffix}`),
  });
  if (report.categories.length === 0) return [ofGroup('all', '', counts)];
  const micro = `accuracy_micro-${report.basis}`;
  const all = ofGroup('all pairs', '', counts);
  return [
    ...listedCategories(report).map((category) => ofGroup(category, `-${category}`, counts.byCategory[category]!)),
    ofGroup('macro mean', '', counts),
    {
      ...all,
      accuracy: value(micro),
      accuracyInterval: intervals[micro],
      exactMatch: undefined,
      exactMatchInterval: undefined,
      longer: undefined,
    },
  ];
}

/** Lines about what the table has no column for. */
function remarksOn(file: EvaluatedFile, level: string, width: number): string[] {
  const { cheems, extras, intervals, basis, judge } = file.report;
  const withInterval = (name: string) => {
    const interval = intervals[name];
    return `${name} ${share(cheems[name] ?? extras[name])}${interval ? ` (${level}: ${range(interval)})` : ''}`;
  };
  const remarks = judge
    ? judgeRemarks(judge)
    : [`reward ${decimal(cheems['reward_mean'])}, standard deviation ${decimal(cheems['reward_std'])}`];
  const names = headlineMetrics(file);
  if (names && width < 70) remarks.push(withInterval(names.accuracy), withInterval(names.exactMatch));
  if (basis !== 'none' && !judge) remarks.push(withInterval(`exact_match_strict-${basis}`));
  if (basis === 'rank' && 'accuracy-labels' in cheems) remarks.push(withInterval('accuracy-labels'));
  if ('expectation_calibration_error-labels' in cheems) {
    remarks.push(
      `expectation_calibration_error-labels ${share(cheems['expectation_calibration_error-labels'])}, every ` +
        `pair counted ${share(extras['calibration_error_all_pairs-labels'])}`,
    );
  }
  return remarks;
}

function judgeRemarks(judge: JudgeStatistics): string[] {
  const orders =
    judge.consistency === undefined
      ? []
      : [
          `consistency ${share(judge.consistency)} (the same verdict in both orders), ${share(judge.agreement)} ` +
            `of the pairs with a verdict in both; right in both ${share(judge.both_right_share)}`,
        ];
  return [
    `${counted(judge.judgements, 'judgement')} of ${counted(judge.pairs, 'pair')}: right ` +
      `${share(judge.judgement_accuracy)}, ties ${share(judge.tie_share)}, unparsable ` +
      `${share(judge.unparsable_share)}`,
    ...orders,
    `position bias ${share(judge.position_bias)} (right ${share(judge.accuracy_chosen_first)} with the better ` +
      `response first, ${share(judge.accuracy_chosen_second)} with it second); the first was preferred in ` +
      `${share(judge.first_share)}`,
  ];
}

function drawTable(columns: readonly Column[], rows: readonly Row[], width: number, lines: boolean): string {
  const cells = [columns.map((column) => column.head), ...rows.map((row) => columns.map((column) => column.cell(row)))];
  return draw(cells, width, lines);
}

function drawBins(bins: readonly LengthBin[], unit: string, width: number, lines: boolean): string {
  const edge = (value: number) => (value > 0 ? `+${value}` : String(value));
  const name = ({ from, to }: LengthBin) => {
    if (from === 0 && to === 1) return 'equal';
    if (from === -Infinity) return `${edge(to - 1)} and less`;
    if (to === Infinity) return `${edge(from)} and more`;
    return `${edge(from)} to ${edge(to - 1)}`;
  };
  const heading = wrap(`Accuracy by length of chosen minus rejected, ${unit}`, lines ? width : Infinity);
  const cells = [['', 'pairs', 'accuracy'], ...bins.map((bin) => [name(bin), String(bin.pairs), share(bin.accuracy)])];
  return `${heading}\n${draw(cells, width, lines)}`;
}

/** Settings for cli-table3: columns separated by two spaces, without lines. */
export const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};
const ROW_LINES_OFF = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** The first row is the header. The first column gets the remaining width, and is cut if that is too little. */
function draw(written: readonly (readonly string[])[], width: number, lines: boolean): string {
  const cells = written.map((row) => row.map(visibleLine));
  const padding = lines ? 2 : 0;
  const widths = cells[0]!.map((_, column) => widest(cells, column) + padding);
  const between = lines ? widths.length + 1 : 2 * (widths.length - 1);
  const others = widths.slice(1).reduce((sum, own) => sum + own, 0);
  widths[0] = Math.max(padding + 3, Math.min(widths[0]!, width - between - others));
  const Table = require('cli-table3') as typeof import('cli-table3'); // loaded only if a table is printed
  const table = new Table({
    colWidths: widths,
    colAligns: widths.map((_, column) => (column === 0 ? 'left' : 'right')),
    chars: lines ? ROW_LINES_OFF : NO_LINES,
    style: { head: [], border: [], 'padding-left': padding / 2, 'padding-right': padding / 2 },
  });
  table.push(...cells.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const share = (value: number | undefined) =>
  value === undefined ? '' : Number.isNaN(value) ? 'n/a' : value.toFixed(3);
const decimal = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? 'n/a' : value.toPrecision(4);
const count = (value: number | undefined) => (value === undefined ? '' : String(value));
const show = {
  share,
  count,
  number: (value: number | undefined) =>
    value === undefined ? '' : Number.isNaN(value) ? 'n/a' : String(Number(value.toPrecision(4))),
};
const range = (interval: Interval | undefined) =>
  interval ? `${interval.low.toFixed(3)}–${interval.high.toFixed(3)}` : '';

const widest = (cells: readonly (readonly string[])[], column: number) =>
  cells.reduce((most, row) => Math.max(most, displayWidth(row[column]!)), 0);

/** Shortens a path from the left: its end says most. */
function shorten(name: string, width: number): string {
  const text = visibleLine(name);
  if (displayWidth(text) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && displayWidth(characters.join('')) > width - 1) characters.shift();
  return `…${characters.join('')}`;
}

/** Wraps at spaces; further lines are indented. */
function wrap(line: string, width: number): string {
  const text = visibleLine(line);
  if (width === Infinity) return text;
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current.trim() !== '' && displayWidth(current) + 1 + displayWidth(word) > width) {
      lines.push(current);
      current = `  ${word}`;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current].join('\n');
}

// The content of a report, before it is turned into a page, Markdown or CSV.

import type { PreferencePrompt } from '../data/types';
import type { Interval } from '../evaluation/metrics/types';

/**
 * A fraction or number, with or without its interval, or text; undefined: the cell is empty, NaN: not defined on these
 * data.
 */
export type Cell = string | number | { value: number; interval: Interval | undefined } | undefined;

export interface Column {
  name: string;
  kind: 'text' | 'count' | 'share' | 'number';
}

export const TEXT = (name: string): Column => ({ name, kind: 'text' });
export const COUNT = (name: string): Column => ({ name, kind: 'count' });
export const SHARE = (name: string): Column => ({ name, kind: 'share' });
export const NUMBER = (name: string): Column => ({ name, kind: 'number' });

export interface ReportTable {
  title: string;
  /** The first column names the row. */
  columns: readonly Column[];
  rows: readonly { cells: readonly Cell[]; isOwn?: boolean }[];
  notes?: readonly string[];
}

export interface Chart {
  title: string;
  /** The picture described in words, for screen readers. */
  description: string;
  /** Static SVG, colored through the page's CSS variables. */
  svg: string;
  /** The same figures as a table. */
  table: ReportTable;
}

/** A pair to read, with its texts unchanged. */
export interface WorstPair {
  prompt: PreferencePrompt;
  chosen: number;
  rejected: number;
  /** For a reward model. */
  rewards?: { chosen: number; rejected: number };
  /** For a judge: the margin of the chosen response, from -1 to 1, and the judge's answers. */
  judged?: { margin: number; answers: { chosenFirst: boolean; verdict: string; answer: string | undefined }[] };
}

export interface Section {
  title: string;
  paragraphs: readonly string[];
  tables: readonly ReportTable[];
  /** Tables that are collapsed on the page. */
  furtherTables?: readonly ReportTable[];
  charts: readonly Chart[];
  pairs?: readonly WorstPair[];
}

export interface ReportContent {
  title: string;
  /** Facts and their values, below the title. */
  facts: readonly (readonly [string, string])[];
  /** The most important figures, in large type. */
  headline: readonly { name: string; value: number; interval?: Interval | undefined; note?: string }[];
  sections: readonly Section[];
  footer: string;
}

export function formatNumber(value: number, kind: Column['kind']): string {
  if (!Number.isFinite(value)) return 'n/a';
  if (kind === 'share') return value.toFixed(3);
  return kind === 'count' ? String(value) : String(Number(value.toPrecision(4)));
}

export const formatInterval = ({ low, high }: Interval) =>
  `${low.toFixed(3)}${low < 0 ? ' to ' : '–'}${high.toFixed(3)}`;

/** The cell as text for people, with the interval in brackets. */
export function formatCell(cell: Cell, kind: Column['kind']): string {
  if (cell === undefined) return '';
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number') return formatNumber(cell, kind);
  return `${formatNumber(cell.value, kind)}${cell.interval ? ` (${formatInterval(cell.interval)})` : ''}`;
}

/** All tables of a report in order, including those of the charts, each with its section. */
export function tablesOf({ sections }: Pick<ReportContent, 'sections'>): { section: string; table: ReportTable }[] {
  return sections.flatMap(({ title, tables, charts, furtherTables = [] }) =>
    [...tables, ...charts.map(({ table }) => table), ...furtherTables].map((table) => ({ section: title, table })),
  );
}

// What a report is made of, before it is a page, Markdown or CSV.

import type { PreferencePrompt } from '../data/types';
import type { Interval } from '../evaluation/metrics/types';

/**
 * A share or number with its interval, or alone; text; undefined: the cell is empty, NaN: not defined on these data.
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
  /** What there is to see, in words: read aloud where the picture cannot be seen. */
  description: string;
  /** Static SVG, colored through the page's CSS variables. */
  svg: string;
  /** The same figures. */
  table: ReportTable;
}

/** A pair to read. Texts are as the data have them. */
export interface WorstPair {
  prompt: PreferencePrompt;
  chosen: number;
  rejected: number;
  /** Of a reward model. */
  rewards?: { chosen: number; rejected: number };
  /** Of a judge: how far the chosen response was ahead, from -1 to 1, and what was said. */
  judged?: { margin: number; answers: { chosenFirst: boolean; verdict: string; answer: string | undefined }[] };
}

export interface Section {
  title: string;
  paragraphs: readonly string[];
  tables: readonly ReportTable[];
  /** Tables that stay folded on the page. */
  furtherTables?: readonly ReportTable[];
  charts: readonly Chart[];
  pairs?: readonly WorstPair[];
}

export interface ReportContent {
  title: string;
  /** Fact and its value, below the title. */
  facts: readonly (readonly [string, string])[];
  /** The figures that matter most, large. */
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

/** As a person reads it; the interval in brackets. */
export function formatCell(cell: Cell, kind: Column['kind']): string {
  if (cell === undefined) return '';
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number') return formatNumber(cell, kind);
  return `${formatNumber(cell.value, kind)}${cell.interval ? ` (${formatInterval(cell.interval)})` : ''}`;
}

/** All tables of a report in their order, those of the charts too, each with its section. */
export function tablesOf({ sections }: Pick<ReportContent, 'sections'>): { section: string; table: ReportTable }[] {
  return sections.flatMap(({ title, tables, charts, furtherTables = [] }) =>
    [...tables, ...charts.map(({ table }) => table), ...furtherTables].map((table) => ({ section: title, table })),
  );
}

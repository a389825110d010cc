// A comparison as text for a terminal, and as compare.html, compare.md and compare.csv.

import { join } from 'node:path';
import { writeFileAtomically } from '../files/atomic_file';
import { makeFolders } from '../files/output_checks';
import { PACKAGE_NAME, packageVersion } from '../support/package_version';
import { visibleLine } from '../text/visible';
import { ChartMaker } from './charts';
import type { Comparison, Difference } from './compare';
import { formatCell, type Cell, type Chart, type ReportContent, type ReportTable } from './content';
import { reportPage } from './page';
import { NO_LINES } from './table';
import { reportCsv, reportMarkdown } from './text_tables';

/** Text that ends in a newline. */
export function formatComparison(comparison: Comparison): string {
  const { notes } = comparison;
  const letters = comparison.models.map(({ name, path }, i) => visibleLine(`${letter(i)} = ${name}, ${path}`));
  const blocks = [
    ...letters,
    '',
    plainTable(valuesTable(comparison, letter)),
    '',
    plainTable(differencesTable(comparison, letter)),
    ...notes.map((note) => visibleLine(`Note: ${note}`)),
    ...legend(comparison),
  ];
  return `${blocks.join('\n')}\n`;
}

/** The files of a comparison. */
export interface WrittenComparison {
  html: string;
  markdown: string;
  csv: string;
}

/** Writes a comparison as HTML, Markdown and CSV. */
export async function writeComparison(folder: string, comparison: Comparison): Promise<WrittenComparison> {
  const charts = await ChartMaker.open();
  const content = describeComparison(comparison, charts);
  const written = {
    html: join(folder, 'compare.html'),
    markdown: join(folder, 'compare.md'),
    csv: join(folder, 'compare.csv'),
  };
  await makeFolders(folder);
  await writeFileAtomically(written.markdown, [reportMarkdown(content)]);
  await writeFileAtomically(written.csv, [reportCsv(content)]);
  await writeFileAtomically(written.html, [reportPage(content)]);
  return written;
}

function describeComparison(comparison: Comparison, charts: ChartMaker): ReportContent {
  const { benchmark, models, prompts, data, metrics, notes } = comparison;
  return {
    title: `${models.map(({ name }) => name).join(' / ')} on ${benchmark}`,
    facts: [
      ['data', data.map(({ file }) => file).join(', ')],
      ['prompts compared', String(prompts)],
      ...models.map(({ path }, i) => [letter(i), path] as const),
    ],
    headline: models.map(({ name, overall }, i) => ({
      name: `${letter(i)}: ${name}`,
      value: overall,
      note: 'overall, as evaluated',
    })),
    sections: [
      {
        title: 'Comparison',
        paragraphs: [
          `${models.map(({ name }, i) => `${letter(i)} = ${name}`).join('; ')}.`,
          ...legend(comparison),
          ...notes,
        ],
        tables: [valuesTable(comparison, letter), differencesTable(comparison, letter)],
        charts: metrics.flatMap(({ name, differences }) => differenceChart(name, differences, charts)),
      },
    ],
    footer: `${PACKAGE_NAME} ${packageVersion()}. overall = ${comparison.formula}.`,
  };
}

function legend({ bootstrap: { resamples, seed, level } }: Comparison): string[] {
  if (resamples === 0) return [];
  return [
    `Differences: ${Number((level * 100).toFixed(2))} % intervals and the probability that the first is better, ` +
      `by a paired bootstrap over prompts (${resamples} resamples, seed ${seed}).`,
  ];
}

const letter = (index: number) => (index < 26 ? String.fromCharCode(65 + index) : `M${index + 1}`);

function valuesTable({ metrics, models }: Comparison, label: (model: number) => string): ReportTable {
  return {
    title: 'Figures on the prompts that all have',
    columns: [{ name: 'figure', kind: 'text' }, ...models.map((_, i) => ({ name: label(i), kind: 'share' as const }))],
    rows: metrics.map(({ name, values }) => ({ cells: [name, ...values], isOwn: name === 'overall' })),
  };
}

function differencesTable({ metrics }: Comparison, label: (model: number) => string): ReportTable {
  const row = (name: string, { first, second, difference, interval, probabilityFirstIsBetter }: Difference): Cell[] => [
    `${name}: ${label(first)} - ${label(second)}`,
    { value: difference, interval },
    probabilityFirstIsBetter,
  ];
  return {
    title: 'Differences',
    columns: [
      { name: 'first - second', kind: 'text' },
      { name: 'difference', kind: 'share' },
      { name: 'probability that the first is better', kind: 'share' },
    ],
    rows: metrics.flatMap(({ name, differences }) =>
      differences.map((difference) => ({ cells: row(name, difference), isOwn: name === 'overall' })),
    ),
  };
}

function differenceChart(metric: string, differences: readonly Difference[], charts: ChartMaker): Chart[] {
  const bars = differences.flatMap(({ first, second, difference, interval }) =>
    interval ? [{ name: `${letter(first)} - ${letter(second)}`, value: difference, interval }] : [],
  );
  if (bars.length === 0) return [];
  const description =
    `Differences of ${metric} with intervals: ` +
    `${bars.map(({ name, value, interval }) => `${name}: ${value.toFixed(3)} (${interval.low.toFixed(3)} to ${interval.high.toFixed(3)})`).join(', ')}. ` +
    'Right of the dashed line the first is better.';
  return [
    {
      title: `Difference of ${metric}`,
      description,
      svg: charts.differences(bars, 'difference'),
      table: {
        title: `Difference of ${metric}`,
        columns: [
          { name: 'first - second', kind: 'text' },
          { name: 'difference', kind: 'share' },
        ],
        rows: bars.map(({ name, value, interval }) => ({ cells: [name, { value, interval }] })),
      },
    },
  ];
}

function plainTable({ title, columns, rows }: ReportTable): string {
  const Table = require('cli-table3') as typeof import('cli-table3');
  const table = new Table({
    chars: NO_LINES,
    colAligns: columns.map(({ kind }) => (kind === 'text' ? 'left' : 'right')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(
    columns.map(({ name }) => name),
    ...rows.map(({ cells }) => columns.map(({ kind }, i) => visibleLine(formatCell(cells[i], kind)))),
  );
  return `${title}\n${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}`;
}

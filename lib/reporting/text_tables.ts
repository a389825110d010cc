// The report's tables as Markdown and as CSV.

import { visibleLine } from '../text/visible';
import { formatCell, tablesOf, type ReportContent, type ReportTable } from './content';

/** The report as GitHub's Markdown. Text of the data (names of files and categories) cannot become markup. */
export function reportMarkdown(content: ReportContent): string {
  const lines = [
    `# ${escapeMarkdown(content.title)}`,
    '',
    ...content.facts.map(([name, value]) => `- ${escapeMarkdown(name)}: ${escapeMarkdown(value)}`),
    '',
  ];
  for (const { name, value, interval, note } of content.headline) {
    lines.push(
      `**${escapeMarkdown(name)}: ` +
        `${formatCell({ value, interval }, 'share')}**${note === undefined ? '' : `  ${escapeMarkdown(note)}`}`,
      '',
    );
  }
  for (const { title, paragraphs, tables, charts, furtherTables = [] } of content.sections) {
    lines.push(`## ${escapeMarkdown(title)}`, '', ...paragraphs.flatMap((text) => [escapeMarkdown(text), '']));
    for (const table of [...tables, ...charts.map((chart) => chart.table), ...furtherTables])
      lines.push(...markdownTable(table), '');
  }
  return `${lines.join('\n')}\n${escapeMarkdown(content.footer)}\n`;
}

function markdownTable({ title, columns, rows, notes = [] }: ReportTable): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `### ${escapeMarkdown(title)}`,
    '',
    line(columns.map(({ name }) => escapeMarkdown(name))),
    line(columns.map(({ kind }) => (kind === 'text' ? '---' : '---:'))),
    ...rows.map(({ cells, isOwn }) =>
      line(
        columns.map(({ kind }, i) => {
          const text = escapeMarkdown(formatCell(cells[i], kind));
          return isOwn && text !== '' ? `**${text}**` : text;
        }),
      ),
    ),
    ...notes.flatMap((note) => ['', escapeMarkdown(note)]),
  ];
}

/**
 * Escapes the text of a line, so that it cannot become markup: no control characters, rules, lists, tables, mathematics
 * or HTML.
 */
export function escapeMarkdown(text: string): string {
  const line = visibleLine(text.trim().replace(/\s*[\r\n]+\s*/g, ' ')).replace(/[\\`*_[\]<>|#~&$]/g, '\\$&');
  return line.replace(/^[-+](?=\s)|^-{2,}$|^=+$/, '\\$&').replace(/^(\d+)([.)])(?=\s)/, '$1\\$2');
}

/**
 * The report as CSV, one line per figure, in full precision: section, table, row, column, value, low, high (RFC 4180).
 */
export function reportCsv(content: ReportContent): string {
  const lines = [['section', 'table', 'row', 'column', 'value', 'low', 'high']];
  for (const { name, value, interval } of content.headline)
    lines.push(['Headline', content.title, name, 'value', csvNumber(value), ...bounds(interval)]);
  for (const { section, table } of tablesOf(content)) {
    for (const { cells } of table.rows) {
      const row = formatCell(cells[0], 'text');
      for (const [i, { name }] of table.columns.entries()) {
        const cell = cells[i];
        if (i === 0 || cell === undefined) continue;
        const value = typeof cell === 'string' ? cell : csvNumber(typeof cell === 'number' ? cell : cell.value);
        lines.push([
          section,
          table.title,
          row,
          name,
          value,
          ...bounds(typeof cell === 'object' ? cell.interval : undefined),
        ]);
      }
    }
  }
  return lines.map((fields) => `${fields.map(csvField).join(',')}\r\n`).join('');
}

const csvNumber = (value: number) => (Number.isNaN(value) ? '' : String(value));
const bounds = (interval: { low: number; high: number } | undefined) =>
  interval ? [String(interval.low), String(interval.high)] : ['', ''];

/**
 * The beginning of a formula in spreadsheets, also after blanks that they strip, and in the full-width forms of East
 * Asian keyboards. \s includes the byte order mark and Unicode's blanks.
 */
const FORMULA = /^[\s\u200b-\u200f\u2060]*[=+\-@＝＋－＠]|^[\t\r\n]/;
const SIGNED_NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
/** A number, or numbers with words between them (-200 to -51): spreadsheets do not evaluate these. */
const PLAIN_NUMBERS = new RegExp(String.raw`^${SIGNED_NUMBER}(?: [a-z]+(?: ${SIGNED_NUMBER})?)*$`);

/**
 * One line without control characters; text that a spreadsheet would evaluate as a formula gets a leading apostrophe.
 */
export function csvField(value: string): string {
  const isFormula = FORMULA.test(value) && !PLAIN_NUMBERS.test(value);
  const text = visibleLine(value);
  const safe = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

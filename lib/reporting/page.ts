// The report as one HTML file that fetches nothing and runs nothing: it contains styles and pictures, and its own
// content security policy forbids the rest.

import { textOfMessage } from '../data/conversation/texts';
import type { Message, PreferencePrompt, Response } from '../data/types';
import { characterCount } from '../evaluation/lengths';
import {
  formatCell,
  formatInterval,
  formatNumber,
  type Cell,
  type Chart,
  type Column,
  type ReportContent,
  type ReportTable,
  type Section,
  type WorstPair,
} from './content';
import { html, Markup, withoutUnfit } from './html';
import { STYLE } from './style';

/** Number of characters of a text that are shown; the rest is collapsed. */
const FOLD = 360;

export function reportPage(content: ReportContent): string {
  const { title, facts, headline, sections, footer } = content;
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="cheems-native">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
<h1 dir="auto">${title}</h1>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd dir="auto">${value}</dd></div>`)}</dl>
<div class="headline">${headline.map(headlineFigure)}</div>
</header>
${sections.length > 1 ? html`<nav aria-label="Sections"><ul>${sections.map((section, i) => html`<li><a href="#section-${i}">${section.title}</a></li>`)}</ul></nav>` : ''}
<main>
${sections.map(sectionMarkup)}
</main>
<footer>${footer}</footer>
</body>
</html>
`;
  return page.text;
}

function headlineFigure({ name, value, interval, note }: ReportContent['headline'][number]): Markup {
  return html`<div class="figure"><span class="name">${name}</span><strong>${dataOf(value, 'share')}</strong>${interval ? html`<span class="interval">${formatInterval(interval)}</span>` : ''}${note === undefined ? '' : html`<span class="note">${note}</span>`}</div>`;
}

function sectionMarkup(
  { title, paragraphs, tables, charts, furtherTables = [], pairs }: Section,
  index: number,
): Markup {
  return html`<section id="section-${index}" aria-labelledby="title-${index}">
<h2 id="title-${index}" dir="auto">${title}</h2>
${paragraphs.map((text) => html`<p dir="auto">${text}</p>`)}
${tables.map((table) => tableMarkup(table))}
${charts.length > 0 ? html`<div class="charts">${charts.map(chartMarkup)}</div>` : ''}
${furtherTables.map((table) => html`<details class="further"><summary>${table.title}</summary>${tableMarkup(table)}</details>`)}
${pairs === undefined ? '' : pairsMarkup(pairs)}
</section>
`;
}

function chartMarkup({ title, description, svg, table }: Chart): Markup {
  const notes = table.notes ?? [];
  return html`<figure>
<figcaption><h3>${title}</h3></figcaption>
${named(svg, description)}
${title.startsWith('Rewards') ? html`<p class="legend"><span class="chosen">chosen</span> <span class="rejected">rejected</span></p>` : ''}
${notes.map((note) => html`<p class="note">${note}</p>`)}
<details><summary>The figures as a table</summary>${tableMarkup({ ...table, notes: [] })}</details>
</figure>
`;
}

/** The picture with its description, for tooltips and screen readers. */
function named(svg: string, description: string): Markup {
  const fit = withoutUnfit(svg);
  const [open, rest] = [fit.slice('<svg'.length, fit.indexOf('>')), fit.slice(fit.indexOf('>') + 1)];
  return html`<svg role="img" aria-label="${description}"${new Markup(open)}><title>${description}</title>${new Markup(rest)}`;
}

function tableMarkup({ title, columns, rows, notes = [] }: ReportTable): Markup {
  const cell = (value: Cell, { kind }: Column, i: number) =>
    i === 0
      ? html`<th scope="row" dir="auto">${formatCell(value, kind)}</th>`
      : html`<td class="${kind}">${cellMarkup(value, kind)}</td>`;
  return html`<div class="table" tabindex="0" role="region" aria-label="${title}"><table>
<caption>${title}</caption>
<thead><tr>${columns.map(({ name, kind }) => html`<th scope="col" class="${kind}">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    ({
      cells,
      isOwn,
    }) => html`<tr${isOwn ? new Markup(' class="own"') : ''}>${columns.map((column, i) => cell(cells[i], column, i))}</tr>
`,
  )}</tbody>
</table></div>
${notes.map((note) => html`<p class="note">${note}</p>`)}`;
}

function cellMarkup(cell: Cell, kind: Column['kind']): Markup | string {
  if (cell === undefined || typeof cell === 'string') return cell ?? '';
  if (typeof cell === 'number') return dataOf(cell, kind);
  return cell.interval
    ? html`${dataOf(cell.value, kind)} <span class="interval">${formatInterval(cell.interval)}</span>`
    : dataOf(cell.value, kind);
}

/** The number as shown, with all its digits in an attribute. */
const dataOf = (value: number, kind: Column['kind']) =>
  Number.isFinite(value) ? html`<data value="${value}">${formatNumber(value, kind)}</data>` : html`n/a`;

function pairsMarkup(pairs: readonly WorstPair[]): Markup {
  if (pairs.length === 0) return html`<h3>Pairs to read</h3><p>No pair is the wrong way round.</p>`;
  return html`<h3>Pairs to read: the most wrong</h3>
<p>Where the rejected response was ahead by most, at most one pair a prompt.</p>
<ol class="pairs">${pairs.map(pairMarkup)}</ol>
`;
}

function pairMarkup({ prompt, chosen, rejected, rewards, judged }: WorstPair): Markup {
  const side = (name: 'chosen' | 'rejected', response: Response) => html`<div class="response ${name}">
<h4>${name === 'chosen' ? 'Chosen in the data' : 'Rejected in the data'}${rewards ? html`: reward ${dataOf(rewards[name], 'number')}` : ''}</h4>
${responseMarkup(response)}
</div>`;
  const place = `${prompt.source.file}:${prompt.source.line}`;
  return html`<li>
<p class="note">${prompt.category === undefined ? '' : `${prompt.category} · `}${place} · prompt ${prompt.id}</p>
<div class="prompt"><h4>Prompt</h4>${promptMarkup(prompt)}</div>
<div class="sides">${side('chosen', prompt.responses[chosen]!)}${side('rejected', prompt.responses[rejected]!)}</div>
${judged ? judgedMarkup(judged) : ''}
</li>
`;
}

function judgedMarkup({ margin, answers }: NonNullable<WorstPair['judged']>): Markup {
  return html`<div class="judged"><h4>The judge: margin ${dataOf(margin, 'number')}</h4>${answers.map(
    ({ chosenFirst, verdict, answer }) =>
      html`<p>Chosen shown ${chosenFirst ? 'first (A)' : 'second (B)'}: verdict ${verdict}</p>${answer === undefined ? '' : textMarkup(answer)}`,
  )}</div>`;
}

function promptMarkup({ prompt, systemPrompt }: PreferencePrompt): Markup {
  const turns: Message[] = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
  const all = systemPrompt === undefined ? turns : [{ role: 'system', content: systemPrompt }, ...turns];
  if (all.length === 0) return html`<p class="note">The data hold no prompt.</p>`;
  return all.length === 1 && all[0]!.role === 'user' ? textMarkup(textOfMessage(all[0]!)) : turnsMarkup(all);
}

function responseMarkup({ content, messages, inputIds }: Response): Markup {
  if (messages) return turnsMarkup(messages);
  if (content !== undefined) return textMarkup(content);
  return html`<p class="note">Given as ${inputIds?.length ?? 0} token ids, without text.</p>`;
}

const turnsMarkup = (turns: readonly Message[]) =>
  html`${turns.map((turn) => html`<p class="role">${turn.role}</p>${textMarkup(textOfMessage(turn))}`)}`;

/**
 * Text of the data, unchanged; the end of a long text is collapsed. Han characters are marked as Chinese, so that
 * browsers choose the right glyphs.
 */
function textMarkup(text: string): Markup {
  const language =
    /\p{Script=Han}/u.test(text) && !/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)
      ? new Markup(' lang="zh-Hans"')
      : '';
  const characters = characterCount(text);
  if (characters <= FOLD * 1.5) return html`<div class="text" dir="auto"${language}>${text}</div>`;
  return html`<details class="text"${language}><summary dir="auto">${[...text.slice(0, 2 * FOLD)].slice(0, FOLD).join('')}… <span class="note" lang="en">(${characters} characters)</span></summary><div dir="auto">${text}</div></details>`;
}

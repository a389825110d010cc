// The rows of any data form, merged into prompts with everything that was said about their responses.

import type { AnnotatedPrompt } from './annotated';
import { contentKey } from './content_key';
import { DataError, show } from './errors';
import { exactText } from './conversation/numbers';
import { idOf } from './conversation/ids';
import { isPlain } from './conversation/messages';
import { ReadKeys, rowOf, type Surroundings, surroundingsOf } from './conversation/conversation';
import { has, type JsonObject, textOf } from './fields';
import type { Contribution } from './forms/form';
import { formOf } from './forms/registry';
import { emptyReport, note } from './report';
import type { ReadOptions } from './read_options';
import { readRows } from './rows';
import type { DatasetReport, Prompt, Response, Source, TemplateVariables } from './types';

/**
 * Reads data files without deciding or dropping anything. Prompts with the same text (or turns) are merged across lines
 * and files.
 * @throws DataError with file and line; the signal's reason when aborted.
 */
export async function readAnnotatedPrompts(
  files: readonly string[],
  options: Omit<ReadOptions, 'compat'> = {},
): Promise<AnnotatedPrompts> {
  const annotated = new AnnotatedPrompts();
  for (const file of files) {
    let rows = 0;
    const onBlankLine = (line: number) => note(annotated.report, 'blankLines', { file, line });
    for await (const row of (options.rowsOf ?? readRows)(file, { signal: options.signal, onBlankLine })) {
      annotated.add(row.value, { file, line: row.line });
      rows += 1;
      if (rows % 1000 === 0) options.onProgress?.({ file, rows });
    }
    if (rows === 0) throw new DataError({ file }, 'the file is empty: it holds no row');
    annotated.report.files.push({ file, rows });
    options.onProgress?.({ file, rows });
  }
  return annotated;
}

export class AnnotatedPrompts {
  readonly report: DatasetReport = emptyReport();
  /** In the order of their first occurrence. */
  readonly prompts: AnnotatedPrompt[] = [];
  private readonly byPrompt = new Map<string, AnnotatedPrompt>();

  /** @throws DataError at `source`. */
  add(value: unknown, source: Source): void {
    const row = rowOf(value, source);
    const read = new ReadKeys(['id', 'category']);
    const contribution = formOf(row, source).read(row, source, read);
    const unread = read.unread(row, source);
    if (unread.length > 0) note(this.report, 'unreadKeys', source, 1, unread);
    const surroundings = surroundingsOf(row, source);
    const draft = this.draftFor(contribution.prompt, surroundings, source);
    this.takePlainFields(draft, row, surroundings, source);
    for (const response of contribution.responses) this.takeResponse(draft, response, source);
    for (const vote of contribution.votes) draft.votes.push({ ...vote, source });
    if (contribution.ranking) this.takeRanking(draft, contribution, contribution.ranking, source);
  }

  private draftFor(prompt: Prompt | undefined, { templateVariables }: Surroundings, source: Source): AnnotatedPrompt {
    const draft: AnnotatedPrompt = {
      id: undefined,
      prompt: prompt ?? [],
      ...(templateVariables === undefined ? {} : { templateVariables }),
      responses: new Map(),
      votes: [],
      rankings: [],
      source,
    };
    if (prompt === undefined) {
      note(this.report, 'rowsWithoutPrompt', source);
      this.prompts.push(draft);
      return draft;
    }
    const key = promptKey(prompt, templateVariables);
    const known = this.byPrompt.get(key);
    if (known) {
      note(this.report, 'mergedRows', source);
      return known;
    }
    this.byPrompt.set(key, draft);
    this.prompts.push(draft);
    return draft;
  }

  private takePlainFields(
    draft: AnnotatedPrompt,
    row: JsonObject,
    { systemPrompt }: Surroundings,
    source: Source,
  ): void {
    if (has(row, 'id')) draft.id ??= idOf(row['id'], 'id', source);
    if (systemPrompt !== undefined) {
      if (draft.systemPrompt !== undefined && draft.systemPrompt !== systemPrompt)
        note(this.report, 'overwrittenSystemPrompts', source);
      draft.systemPrompt = systemPrompt;
    }
    const category = readCategory(row, source);
    if (category === undefined) return;
    if (draft.category !== undefined && draft.category !== category) note(this.report, 'overwrittenCategories', source);
    draft.category = category;
  }

  /** A response keeps its first position and takes its last content. */
  private takeResponse(draft: AnnotatedPrompt, response: Response, source: Source): void {
    const known = draft.responses.get(response.id);
    if (known) {
      const same = contentKey(known) === contentKey(response);
      note(this.report, same ? 'repeatedResponses' : 'overwrittenResponses', source);
      if (same) return;
    }
    draft.responses.set(response.id, response);
  }

  private takeRanking(draft: AnnotatedPrompt, row: Contribution, ranks: Map<string, number>, source: Source): void {
    if (!draft.rankings.some((known) => sameRanks(known.ranks, ranks))) draft.rankings.push({ ranks, source });
    if (!row.rankingVotes) return;
    const ranked = [...ranks];
    for (let i = 0; i < ranked.length; i += 1) {
      for (let j = i + 1; j < ranked.length; j += 1) {
        const [[first, a], [second, b]] = [ranked[i]!, ranked[j]!];
        if (a !== b) draft.votes.push({ first, second, outcome: a < b ? 1 : 2, source });
      }
    }
  }
}

/** Equal if two rows have the same prompt: the same turns, with the same tools and the like. */
function promptKey(prompt: Prompt, templateVariables: TemplateVariables | undefined): string {
  const around = templateVariables === undefined ? '' : `${exactText(templateVariables)}\n`;
  if (typeof prompt === 'string') return `text:${around}${prompt}`;
  return `turns:${around}${prompt.every(isPlain) ? JSON.stringify(prompt) : exactText(prompt)}`;
}

function sameRanks(a: Map<string, number>, b: Map<string, number>): boolean {
  return a.size === b.size && [...a].every(([id, rank]) => b.get(id) === rank);
}

/** Element 0 of a list, or a whole text; an empty list and null mean no category. */
function readCategory(row: JsonObject, source: Source): string | undefined {
  if (!has(row, 'category')) return undefined;
  const value = row['category'];
  if (typeof value === 'string') return textOf(value, 'category', source);
  if (!Array.isArray(value))
    throw new DataError(source, `category must be text or a list of texts, but is ${show(value)}`);
  return value.length === 0 ? undefined : textOf(value[0], 'category[0]', source);
}

// Files of any data form -> PreferenceDataset. Rows of the same prompt merge, over lines and files, as the original has it.

import { readCheems } from './compat';
import { DataError, show } from './errors';
import { exactText } from './conversation/numbers';
import { idOf } from './conversation/ids';
import { isPlain } from './conversation/messages';
import { ReadKeys, rowOf, type Surroundings, surroundingsOf } from './conversation/conversation';
import { has, type JsonObject, textOf } from './fields';
import type { Contribution, Vote } from './forms/form';
import { formOf } from './forms/registry';
import { contentKey, resolvePairs } from './pairs';
import { emptyReport, note } from './report';
import type { ReadOptions } from './read_options';
import { readRows } from './rows';
import type {
  DatasetReport,
  PreferenceDataset,
  PreferencePrompt,
  Prompt,
  Response,
  Source,
  TemplateVariables,
} from './types';

/** A prompt while its rows come in. */
export interface PromptDraft {
  id: string | undefined;
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
  category?: string;
  responses: Map<string, Response>;
  votes: (Vote & { source: Source })[];
  rankings: { ranks: Map<string, number>; source: Source }[];
  source: Source;
}

/**
 * Reads data files into one data set. Prompts merge by their exact text (or turns) over lines and files.
 * @throws DataError naming file and line; the signal's reason when aborted.
 */
export async function readPreferenceDataset(
  files: string | readonly string[],
  options: ReadOptions = {},
): Promise<PreferenceDataset> {
  const list = typeof files === 'string' ? [files] : files;
  if (list.length === 0) throw new DataError({ file: '(no file)' }, 'no data file was given');
  if (options.compat === 'cheems') return readCheems(list, options);
  const builder = new DatasetBuilder();
  for (const file of list) {
    let rows = 0;
    const onBlankLine = (line: number) => note(builder.report, 'blankLines', { file, line });
    for await (const row of (options.rowsOf ?? readRows)(file, { signal: options.signal, onBlankLine })) {
      builder.add(row.value, { file, line: row.line });
      rows += 1;
      if (rows % 1000 === 0) options.onProgress?.({ file, rows });
    }
    if (rows === 0) throw new DataError({ file }, 'the file is empty: it holds no row');
    builder.report.files.push({ file, rows });
    options.onProgress?.({ file, rows });
  }
  return builder.finish();
}

/** A data set of rows in memory, in any accepted form; errors speak of `name` and of the row's number from 1 as line. */
export function datasetFromRows(rows: Iterable<unknown>, name = 'rows'): PreferenceDataset {
  const builder = new DatasetBuilder();
  let line = 0;
  for (const row of rows) builder.add(row, { file: name, line: (line += 1) });
  if (line === 0) throw new DataError({ file: name }, 'the data set is empty: it holds no row');
  builder.report.files.push({ file: name, rows: line });
  return builder.finish();
}

class DatasetBuilder {
  readonly report: DatasetReport = emptyReport();
  private readonly drafts: PromptDraft[] = [];
  private readonly byPrompt = new Map<string, PromptDraft>();

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

  finish(): PreferenceDataset {
    const ids = new Set<string>();
    const prompts = this.drafts.map((draft, i) => this.finishPrompt(draft, i, ids));
    const categories = [...new Set(prompts.flatMap((prompt) => (prompt.category === undefined ? [] : [prompt.category])))];
    for (const prompt of prompts) {
      if (categories.length > 0 && prompt.category === undefined) note(this.report, 'promptsWithoutCategory', prompt.source);
    }
    return { prompts, categories, report: this.report };
  }

  private draftFor(prompt: Prompt | undefined, { templateVariables }: Surroundings, source: Source): PromptDraft {
    const draft: PromptDraft = {
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
      this.drafts.push(draft);
      return draft;
    }
    const key = promptKey(prompt, templateVariables);
    const known = this.byPrompt.get(key);
    if (known) {
      note(this.report, 'mergedRows', source);
      return known;
    }
    this.byPrompt.set(key, draft);
    this.drafts.push(draft);
    return draft;
  }

  private takePlainFields(draft: PromptDraft, row: JsonObject, { systemPrompt }: Surroundings, source: Source): void {
    if (has(row, 'id')) draft.id ??= idOf(row['id'], 'id', source);
    if (systemPrompt !== undefined) {
      if (draft.systemPrompt !== undefined && draft.systemPrompt !== systemPrompt) note(this.report, 'overwrittenSystemPrompts', source);
      draft.systemPrompt = systemPrompt;
    }
    const category = readCategory(row, source);
    if (category === undefined) return;
    if (draft.category !== undefined && draft.category !== category) note(this.report, 'overwrittenCategories', source);
    draft.category = category;
  }

  /** A response keeps its first place and takes its last content. */
  private takeResponse(draft: PromptDraft, response: Response, source: Source): void {
    const known = draft.responses.get(response.id);
    if (known) {
      const same = contentKey(known) === contentKey(response);
      note(this.report, same ? 'repeatedResponses' : 'overwrittenResponses', source);
      if (same) return;
    }
    draft.responses.set(response.id, response);
  }

  private takeRanking(draft: PromptDraft, row: Contribution, ranks: Map<string, number>, source: Source): void {
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

  private finishPrompt(draft: PromptDraft, number: number, ids: Set<string>): PreferencePrompt {
    const responses = [...draft.responses.values()];
    const places = new Map(responses.map((response, i) => [response.id, i]));
    const placeOf = (id: string, what: string, source: Source): number => {
      const place = places.get(id);
      if (place === undefined) {
        const known = show([...places.keys()].slice(0, 8));
        throw new DataError(source, `${what} names response ${show(id)}, but the prompt has no such response; it has ${known}`);
      }
      return place;
    };
    this.countSameTexts(responses, draft.source);
    const ranks = this.finishRanks(draft, responses, placeOf); // first: an unknown id in a rank is to be named as such
    const { pairs, ties } = resolvePairs(draft.votes, responses, placeOf, this.report);
    const id = draft.id ?? String(number);
    if (ids.has(id)) note(this.report, 'repeatedIds', draft.source);
    ids.add(id);
    this.countUnpaired(responses, pairs, draft.source);
    return {
      id,
      prompt: draft.prompt,
      ...(draft.systemPrompt === undefined ? {} : { systemPrompt: draft.systemPrompt }),
      ...(draft.templateVariables === undefined ? {} : { templateVariables: draft.templateVariables }),
      responses,
      pairs,
      ...(ties.length === 0 ? {} : { ties }),
      ...(ranks === undefined ? {} : { ranks }),
      ...(draft.category === undefined ? {} : { category: draft.category }),
      source: draft.source,
    };
  }

  private finishRanks(
    draft: PromptDraft,
    responses: Response[],
    placeOf: (id: string, what: string, source: Source) => number,
  ): number[] | undefined {
    const [first, second] = draft.rankings;
    for (const { ranks, source } of draft.rankings) for (const id of ranks.keys()) placeOf(id, 'rank', source);
    if (first === undefined) return undefined;
    if (second !== undefined) {
      note(this.report, 'differentRankings', second.source);
      return undefined;
    }
    const ranks = responses.map((response) => first.ranks.get(response.id));
    if (ranks.every((rank) => rank !== undefined)) return ranks;
    note(this.report, 'incompleteRanks', first.source);
    return undefined;
  }

  private countSameTexts(responses: Response[], source: Source): void {
    const repeated = responses.length - new Set(responses.map(contentKey)).size;
    if (repeated > 0) note(this.report, 'sameTextResponses', source, repeated);
  }

  private countUnpaired(responses: Response[], pairs: [number, number][], source: Source): void {
    if (pairs.length === 0) note(this.report, 'promptsWithoutPair', source);
    const unpaired = responses.length - new Set(pairs.flat()).size;
    if (unpaired > 0) note(this.report, 'responsesInNoPair', source, unpaired);
  }
}

/** Equal where two rows have one prompt: the same turns, with the same tools and the like. */
function promptKey(prompt: Prompt, templateVariables: TemplateVariables | undefined): string {
  const around = templateVariables === undefined ? '' : `${exactText(templateVariables)}\n`;
  if (typeof prompt === 'string') return `text:${around}${prompt}`;
  return `turns:${around}${prompt.every(isPlain) ? JSON.stringify(prompt) : exactText(prompt)}`;
}

function sameRanks(a: Map<string, number>, b: Map<string, number>): boolean {
  return a.size === b.size && [...a].every(([id, rank]) => b.get(id) === rank);
}

/** Element 0 of a list, or a whole text; an empty list and null are no category. */
function readCategory(row: JsonObject, source: Source): string | undefined {
  if (!has(row, 'category')) return undefined;
  const value = row['category'];
  if (typeof value === 'string') return textOf(value, 'category', source);
  if (!Array.isArray(value)) throw new DataError(source, `category must be text or a list of texts, but is ${show(value)}`);
  return value.length === 0 ? undefined : textOf(value[0], 'category[0]', source);
}

// Files of any data form -> PreferenceDataset. Rows of the same prompt are merged across lines and files, as in the
// original.

import { AnnotatedPrompts, readAnnotatedPrompts } from './annotated_prompts';
import type { AnnotatedPrompt } from './annotated';
import { comparisonsOf } from './comparisons';
import { readCheems } from './compat';
import { contentKey } from './content_key';
import { DataError } from './errors';
import { note } from './report';
import type { ReadOptions } from './read_options';
import { resolveByMajority } from './resolve/majority';
import { placesOf, type Resolved, type Resolver } from './resolve/resolver';
import type { DatasetReport, PreferenceDataset, PreferencePrompt, Response, Source } from './types';

/**
 * Reads data files into one data set. Prompts with the same text (or turns) are merged across lines and files.
 * @throws DataError with file and line; the signal's reason when aborted.
 */
export async function readPreferenceDataset(
  files: string | readonly string[],
  options: ReadOptions = {},
): Promise<PreferenceDataset> {
  const list = typeof files === 'string' ? [files] : files;
  if (list.length === 0) throw new DataError({ file: '(no file)' }, 'no data file was given');
  if (options.compat === 'cheems') return readCheems(list, options);
  return new DatasetBuilder(await readAnnotatedPrompts(list, options)).finish();
}

/**
 * A data set of rows in memory, in any accepted form; errors use `name` as the file and the row's number, from 1, as
 * the line.
 */
export function datasetFromRows(rows: Iterable<unknown>, name = 'rows'): PreferenceDataset {
  const builder = new DatasetBuilder();
  let line = 0;
  for (const row of rows) builder.add(row, { file: name, line: (line += 1) });
  if (line === 0) throw new DataError({ file: name }, 'the data set is empty: it holds no row');
  builder.report.files.push({ file: name, rows: line });
  return builder.finish();
}

/** Resolves the votes in the rows of a data set; rows can be added first. */
class DatasetBuilder {
  constructor(
    private readonly annotated = new AnnotatedPrompts(),
    private readonly resolve: Resolver = resolveByMajority,
  ) {}

  get report(): DatasetReport {
    return this.annotated.report;
  }

  /** @throws DataError at `source`. */
  add(value: unknown, source: Source): void {
    this.annotated.add(value, source);
  }

  finish(): PreferenceDataset {
    const ids = new Set<string>();
    const prompts = this.annotated.prompts.map((prompt, i) => this.finishPrompt(prompt, i, ids));
    const categories = [
      ...new Set(prompts.flatMap((prompt) => (prompt.category === undefined ? [] : [prompt.category]))),
    ];
    for (const prompt of prompts) {
      if (categories.length > 0 && prompt.category === undefined)
        note(this.report, 'promptsWithoutCategory', prompt.source);
    }
    return { prompts, categories, report: this.report };
  }

  private finishPrompt(annotated: AnnotatedPrompt, number: number, ids: Set<string>): PreferencePrompt {
    const { id: own, responses: byId, votes: _votes, rankings: _rankings, ...plain } = annotated;
    const responses = [...byId.values()];
    this.countSameTexts(responses, annotated.source);
    const ranks = this.finishRanks(annotated, responses); // first, so that an unknown id in a rank is reported as such
    const resolved = this.resolve(annotated, this.report);
    const id = own ?? String(number);
    if (ids.has(id)) note(this.report, 'repeatedIds', annotated.source);
    ids.add(id);
    this.countUnpaired(responses, resolved, annotated.source);
    return { ...plain, id, responses, ...resolved, ...(ranks === undefined ? {} : { ranks }) };
  }

  private finishRanks(annotated: AnnotatedPrompt, responses: Response[]): number[] | undefined {
    const placeOf = placesOf(annotated);
    const [first, second] = annotated.rankings;
    for (const { ranks, source } of annotated.rankings) for (const id of ranks.keys()) placeOf(id, 'rank', source);
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

  private countUnpaired(responses: Response[], resolved: Resolved, source: Source): void {
    const comparisons = comparisonsOf(resolved);
    if (comparisons.length === 0) note(this.report, 'promptsWithoutPair', source);
    const unpaired = responses.length - new Set(comparisons.flatMap(({ a, b }) => [a, b])).size;
    if (unpaired > 0) note(this.report, 'responsesInNoPair', source, unpaired);
  }
}

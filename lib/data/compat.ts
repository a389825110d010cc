// The original's loading and converting, reproduced for `--compat cheems`: what it keeps, what it drops and where it
// fails. The default rules are in dataset.ts; docs/data_formats.md lists how they differ.

import type { AnnotatedVote } from './annotated';
import { DataError, show } from './errors';
import { field, has, type JsonObject, listOf, textId, textOf } from './fields';
import { isObject } from '../support/is_object';
import { parsePythonInteger } from './python_text';
import { emptyReport, note } from './report';
import { resolveAsCheems } from './resolve/cheems';
import { placesOf, type PlaceOf } from './resolve/resolver';
import type { ReadOptions } from './read_options';
import { readRows } from './rows';
import type { PreferenceDataset, PreferencePrompt, Response, Source } from './types';

/** One prompt as the original's load_dataset returns it. */
export interface CheemsPrompt {
  input: string;
  responses: Map<string, JsonObject>;
  annotations: unknown[];
  rank?: [id: string, rank: unknown][];
  /** Every other key of the prompt's lines, with its last value. */
  plain: Map<string, unknown>;
  /** The source of each annotation, and of the rank. */
  annotationSources: Source[];
  source: Source;
}

/** Reads the files by the original's rules. @throws DataError wherever the original fails. */
export async function readCheems(
  files: readonly string[],
  options: Omit<ReadOptions, 'compat'> = {},
): Promise<PreferenceDataset> {
  const { prompts, report } = await loadCheems(files, options);
  const converted = prompts.map((prompt, i) => convertPrompt(prompt, i));
  const categories = [
    ...new Set(converted.flatMap((prompt) => (prompt.category === undefined ? [] : [prompt.category]))),
  ];
  return { prompts: converted, categories, report };
}

/** The original's load_dataset: merging, and then only the keys that every prompt has. */
export async function loadCheems(
  files: readonly string[],
  options: Omit<ReadOptions, 'compat'> = {},
): Promise<{ prompts: CheemsPrompt[]; report: PreferenceDataset['report'] }> {
  const report = emptyReport();
  const byInput = new Map<string, CheemsPrompt>();
  for (const file of files) {
    if (!file.endsWith('jsonl'))
      throw new DataError({ file }, 'compat cheems takes only files whose name ends with jsonl');
    let rows = 0;
    const onBlankLine = (line: number) => note(report, 'blankLines', { file, line });
    for await (const { value, line, text } of (options.rowsOf ?? readRows)(file, {
      signal: options.signal,
      onBlankLine,
    })) {
      mergeRow(byInput, readRow(value, text ?? '', { file, line }), report);
      rows += 1;
    }
    report.files.push({ file, rows });
    options.onProgress?.({ file, rows });
  }
  const prompts = [...byInput.values()];
  if (prompts.length === 0) throw new DataError({ file: files.join(', ') }, 'the data set is empty: it holds no row');
  for (const key of new Set(prompts.flatMap((prompt) => [...prompt.plain.keys()]))) {
    if (!prompts.every((prompt) => prompt.plain.has(key))) for (const prompt of prompts) prompt.plain.delete(key);
  }
  if (!prompts.every((prompt) => prompt.rank)) for (const prompt of prompts) delete prompt.rank;
  return { prompts, report };
}

function readRow(value: unknown, text: string, source: Source): CheemsPrompt {
  if (!isObject(value)) throw new DataError(source, `a row must be a JSON object, but is ${show(value)}`);
  if (!has(value, 'input'))
    throw new DataError(source, '"input" is missing; compat cheems takes no other name for the prompt');
  // JSON.parse makes 1.0 the number 1, which the original refuses as a preference.
  if (/"preference"\s*:\s*-?\d+[.eE]/.test(text))
    throw new DataError(source, 'a preference must be 1 or 2, not a fraction');
  const prompt: CheemsPrompt = {
    input: textOf(value['input'], 'input', source),
    responses: new Map(),
    annotations: [],
    plain: new Map(Object.entries(value).filter(([key]) => !SPECIAL_KEYS.has(key))),
    annotationSources: [],
    source,
  };
  if (Object.hasOwn(value, 'responses')) {
    for (const response of listOf(value['responses'], 'responses', source)) {
      if (!isObject(response) || typeof response['id'] !== 'string') {
        throw new DataError(source, `a response must have an id, but is ${show(response)}`);
      }
      prompt.responses.set(response['id'], response);
    }
  }
  const flat = Object.hasOwn(value, 'answer1') || Object.hasOwn(value, 'answer2');
  const annotations = flat
    ? [{ answer1: value['answer1'], answer2: value['answer2'], preference: value['preference'] }]
    : Object.hasOwn(value, 'annotations')
      ? listOf(value['annotations'], 'annotations', source)
      : [];
  for (const annotation of annotations) {
    prompt.annotations.push(isObject(annotation) ? tupleOf(annotation, prompt, source) : annotation);
    prompt.annotationSources.push(source);
  }
  if (Object.hasOwn(value, 'rank')) {
    if (!isObject(value['rank'])) throw new DataError(source, `rank must be an object, but is ${show(value['rank'])}`);
    prompt.rank = Object.entries(value['rank']);
  }
  return prompt;
}

const SPECIAL_KEYS = new Set(['input', 'responses', 'annotations', 'rank', 'answer1', 'answer2', 'preference']);

/** {answer1, answer2, preference} -> [better, worse, "1"], with the two answers as responses named by their md5. */
function tupleOf(annotation: JsonObject, prompt: CheemsPrompt, source: Source): [string, string, '1'] {
  const [first, second] = ['answer1', 'answer2'].map((key) => {
    const content = textOf(field(annotation, key), key, source);
    const id = textId(content);
    prompt.responses.set(id, { content, id });
    return id;
  }) as [string, string];
  const preference = field(annotation, 'preference');
  if (preference === 1 || preference === '1') return [first, second, '1'];
  if (preference === 2 || preference === '2') return [second, first, '1'];
  throw new DataError(source, `preference must be 1 or 2, but is ${show(preference)}`);
}

function mergeRow(byInput: Map<string, CheemsPrompt>, row: CheemsPrompt, report: PreferenceDataset['report']): void {
  const known = byInput.get(row.input);
  if (!known) {
    byInput.set(row.input, row);
    return;
  }
  note(report, 'mergedRows', row.source);
  if (known.rank && row.rank)
    throw new DataError(row.source, 'the prompt has a "rank" already; the original cannot merge two');
  for (const [id, response] of row.responses) known.responses.set(id, response);
  known.annotations.push(...row.annotations);
  known.annotationSources.push(...row.annotationSources);
  if (row.rank) known.rank = row.rank;
  for (const [key, value] of row.plain) known.plain.set(key, value);
}

/** The original's convert: ids become indices. Pairs keep duplicates, contradictions and self pairs. */
function convertPrompt(prompt: CheemsPrompt, number: number): PreferencePrompt {
  const responses = new Map<string, Response>();
  for (const [id, response] of prompt.responses) {
    if (!has(response, 'content')) throw new DataError(prompt.source, `response ${show(id)} has no content`);
    responses.set(id, { id, content: textOf(response['content'], 'content', prompt.source), source: prompt.source });
  }
  const votes = prompt.annotations.map((annotation, i) =>
    voteOf(annotation, prompt.annotationSources[i] ?? prompt.source),
  );
  const placeOf = placesOf({ responses });
  const { pairs } = resolveAsCheems({ responses, votes });
  const category = categoryOf(prompt);
  const id = prompt.plain.get('id');
  return {
    id: typeof id === 'string' || typeof id === 'number' ? String(id) : String(number),
    prompt: prompt.input,
    responses: [...responses.values()],
    pairs,
    ...(prompt.rank ? { ranks: ranksOf(prompt, placeOf) } : {}),
    ...(category === undefined ? {} : { category }),
    source: prompt.source,
  };
}

/** How the original reads a preference: "1" means the first; any other text says nothing. */
function voteOf(annotation: unknown, source: Source): AnnotatedVote {
  if (!Array.isArray(annotation) || annotation.length !== 3 || annotation.some((part) => typeof part !== 'string')) {
    throw new DataError(source, `an annotation must be [id1, id2, "1"], all texts, but is ${show(annotation)}`);
  }
  const [first, second, preference] = annotation as [string, string, string];
  return { first, second, outcome: preference === '1' ? 1 : preference === '2' ? 2 : 0, source };
}

/** A response that the rank does not name gets 0, which is better than 1. */
function ranksOf(prompt: CheemsPrompt, placeOf: PlaceOf): number[] {
  const ranks = new Array<number>(prompt.responses.size).fill(0);
  for (const [id, rank] of prompt.rank ?? []) {
    const parsed = typeof rank === 'string' ? parsePythonInteger(rank) : undefined;
    if (parsed === undefined) {
      throw new DataError(
        prompt.source,
        `the rank of ${show(id)} must be an integer as a text, such as "1", but is ${show(rank)}`,
      );
    }
    ranks[placeOf(id, 'rank', prompt.source)] = parsed;
  }
  return ranks;
}

/** Element 0: for a plain text that is its first character. */
function categoryOf(prompt: CheemsPrompt): string | undefined {
  if (!prompt.plain.has('category')) return undefined;
  const value = prompt.plain.get('category');
  const first: unknown = typeof value === 'string' ? [...value][0] : Array.isArray(value) ? value[0] : undefined;
  if (typeof first !== 'string')
    throw new DataError(prompt.source, `category must be a list of texts, but is ${show(value)}`);
  return first;
}

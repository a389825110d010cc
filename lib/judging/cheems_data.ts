// How the original reads data for judges, for `--compat cheems`. It differs from its reading for reward models: rows
// are not merged, ranks may be numbers, and the pairs follow the order of the "rank" object, which JSON.parse does not
// keep for keys such as "0".

import { DataError, show } from '../data/errors';
import { field, type JsonObject, listOf, textOf } from '../data/fields';
import { isObject } from '../support/is_object';
import { parsePythonInteger } from '../data/python_text';
import { emptyReport, note } from '../data/report';
import { readRows } from '../data/rows';
import type { PreferenceDataset, PreferencePrompt, Source } from '../data/types';

/**
 * One prompt per row, with its responses in the order of "rank"; responses without a rank are never judged and are left
 * out.
 * @throws DataError wherever the original fails: no rank, no category, a rank that is not an integer, a rank of an
 * unknown response.
 */
export async function readCheemsJudgeData(file: string, signal?: AbortSignal): Promise<PreferenceDataset> {
  const report = emptyReport();
  const prompts: PreferencePrompt[] = [];
  const onBlankLine = (line: number) => note(report, 'blankLines', { file, line });
  for await (const { value, line, text } of readRows(file, { signal, onBlankLine })) {
    if (!isObject(value)) throw new DataError({ file, line }, `a row must be a JSON object, but is ${show(value)}`);
    prompts.push(promptOf(value, text ?? '', { file, line }, prompts.length));
  }
  if (prompts.length === 0) throw new DataError({ file }, 'the data set is empty: it holds no row');
  report.files.push({ file, rows: prompts.length });
  return { prompts, categories: [...new Set(prompts.map(({ category }) => category!))], report };
}

function promptOf(row: JsonObject, text: string, source: Source, number: number): PreferencePrompt {
  const rank = field(row, 'rank');
  if (!isObject(rank))
    throw new DataError(
      source,
      `compat cheems judges ranked data only, but "rank" is ${rank === undefined ? 'missing' : show(rank)}`,
    );
  const contents = new Map(
    listOf(row['responses'], 'responses', source).map((response) => {
      if (!isObject(response) || typeof response['id'] !== 'string')
        throw new DataError(source, `a response must have an id, but is ${show(response)}`);
      return [response['id'], textOf(response['content'], 'content', source)];
    }),
  );
  const ids = keysInOrder(rank, text, source);
  const responses = ids.map((id) => {
    const content = contents.get(id);
    if (content === undefined)
      throw new DataError(source, `"rank" names ${show(id)}, which is no response of this row`);
    return { id, content, source };
  });
  const ranks = ids.map((id) => {
    const given = rank[id];
    const parsed =
      typeof given === 'number' && Number.isInteger(given)
        ? given
        : typeof given === 'string'
          ? parsePythonInteger(given)
          : undefined;
    if (parsed === undefined)
      throw new DataError(source, `the rank of ${show(id)} must be an integer, but is ${show(given)}`);
    return parsed;
  });
  return {
    id: String(number),
    prompt: textOf(row['input'], 'input', source),
    responses,
    pairs: [],
    ranks,
    category: categoryOf(row, source),
    source,
  };
}

/** The keys of the row's "rank" in the order of the text. A key given twice keeps its first position, as in Python. */
function keysInOrder(rank: JsonObject, text: string, source: Source): string[] {
  const keys = Object.keys(rank);
  if (!keys.some((key) => /^\d+$/.test(key))) return keys;
  // Within a JSON string every quotation mark is escaped, so a bare "rank" after a brace or comma is a key; its values
  // hold no braces.
  const body = /[{,]\s*"rank"\s*:\s*\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\}/.exec(text)?.[1] ?? '';
  const found = [...body.matchAll(/("(?:[^"\\]|\\.)*")\s*:/g)].map((match) => JSON.parse(match[1]!) as string);
  const inOrder = [...new Set(found)];
  if (inOrder.length === keys.length && inOrder.every((key) => Object.hasOwn(rank, key))) return inOrder;
  throw new DataError(
    source,
    'the order of the keys of "rank" cannot be told, and the original judges in that order; give the data as ' +
      'JSON lines, one row per line',
  );
}

/** Element 0: for a plain text that is its first character. */
function categoryOf(row: JsonObject, source: Source): string {
  const value = field(row, 'category');
  const first: unknown = typeof value === 'string' ? [...value][0] : Array.isArray(value) ? value[0] : undefined;
  if (typeof first !== 'string') {
    throw new DataError(
      source,
      'compat cheems judges data with a category only: a list of texts, not ' +
        `${value === undefined ? 'nothing' : show(value)}`,
    );
  }
  return first;
}

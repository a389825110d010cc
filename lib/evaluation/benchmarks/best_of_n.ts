// Best-of-N: how good the candidate with the highest reward is by a gold score, for every N up to the number of
// candidates.

import { show } from '../../data/errors';
import { promptOf } from '../../data/conversation/messages';
import { readPrompt, surroundingsOf } from '../../data/conversation/conversation';
import { isObject } from '../../support/is_object';
import { type JsonObject, listOf, textOf } from '../../data/fields';
import { formOf } from '../../data/forms/registry';
import type { PreferencePrompt, Prompt, Response, Source } from '../../data/types';
import type { Benchmark, BenchmarkScore, ScoredFile, ScoreTable } from './benchmark';
import { expectedPick, kendall, pickIsBest, spearman } from './best_of_n_statistics';
import { meanTerm, unitsByPrompt } from './figure';
import { RowFields } from './row_fields';
import { groupBy, mean, scoredRows, type ScoredRow } from './scored_rows';

export interface BestOfNPrompt extends PreferencePrompt {
  /** One per response, higher is better. */
  gold: number[];
}

const FIELDS =
  '{prompt, responses: [...], scores: [...]} (texts and gold scores), {prompt, responses: [{content, score}]}, ' +
  "UltraFeedback's {instruction, " +
  'completions: [{response, overall_score}]}, ' +
  "RMB's {conversation_input, bon_best, loser_list}, or any preference data with ranks (gold = minus the rank)";
/** The chances are ratios of binomial coefficients, which stay finite in double precision up to here. */
const MOST_CANDIDATES = 1000;

interface Candidates {
  prompt: Prompt;
  responses: Response[];
  gold: number[];
}

function numberOf(value: unknown, what: string, fields: RowFields): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return fields.fail(`${what} must be a finite number, but is ${show(value)}`);
}

/** A list of objects with a text and a score each. */
function listed(
  key: string,
  list: unknown[],
  textKey: string,
  scoreKey: string,
  fields: RowFields,
  source: Source,
): Omit<Candidates, 'prompt'> {
  const gold: number[] = [];
  const responses = list.map((entry, i): Response => {
    if (!isObject(entry)) return fields.fail(`${key}[${i}] must be an object, but is ${show(entry)}`);
    gold.push(numberOf(entry[scoreKey], `${key}[${i}].${scoreKey}`, fields));
    return { id: String(i), content: textOf(entry[textKey], `${key}[${i}].${textKey}`, source), source };
  });
  return { responses, gold };
}

function readOwnForms(row: JsonObject, fields: RowFields, source: Source): Candidates | undefined {
  if (fields.has('bon_best')) return readRmb(row, fields, source);
  const key = ['responses', 'candidates', 'completions'].find((name) => fields.has(name));
  if (key === undefined) return undefined;
  const prompt = readPrompt(row, source) ?? fields.fail('the prompt is missing');
  const list = listOf(row[key], key, source);
  if (fields.has('scores')) {
    const gold = listOf(row['scores'], 'scores', source).map((value, i) => numberOf(value, `scores[${i}]`, fields));
    if (gold.length !== list.length)
      fields.fail(`scores lists ${gold.length} numbers, but ${key} lists ${list.length}`);
    return {
      prompt,
      responses: list.map((value, i) => ({ id: String(i), content: textOf(value, `${key}[${i}]`, source), source })),
      gold,
    };
  }
  const scoreKey = ['score', 'overall_score', 'gold'].find((name) => isObject(list[0]) && name in list[0]);
  if (scoreKey === undefined) return undefined;
  return {
    prompt,
    ...listed(key, list, isObject(list[0]) && 'response' in list[0] ? 'response' : 'content', scoreKey, fields, source),
  };
}

/** RMB's best-of-N set: one best answer (gold 1) and its losers (gold 0). */
function readRmb(row: JsonObject, fields: RowFields, source: Source): Candidates {
  const best = row['bon_best'];
  const losers = listOf(row['loser_list'], 'loser_list', source);
  const answers = [best, ...losers].map((entry, i) =>
    isObject(entry)
      ? textOf(entry['answer'], i === 0 ? 'bon_best.answer' : `loser_list[${i - 1}].answer`, source)
      : fields.fail('bon_best and the entries of loser_list must be objects with "answer"'),
  );
  const prompt = promptOf(row['conversation_input'], 'conversation_input', source);
  return {
    prompt,
    responses: answers.map((content, i) => ({ id: i === 0 ? 'best' : `loser-${i - 1}`, content, source })),
    gold: answers.map((_, i) => (i === 0 ? 1 : 0)),
  };
}

/** Preference data that rank every response. */
function readRanked(row: JsonObject, fields: RowFields, source: Source): Candidates {
  const { prompt, responses, ranking } = formOf(row, source).read(row, source);
  if (prompt === undefined) return fields.fail('the prompt is missing');
  const gold = responses.map(({ id }) => ranking?.get(id));
  if (!gold.every((rank) => rank !== undefined))
    return fields.fail('the row has neither gold scores nor a rank for every response');
  return { prompt, responses, gold: gold.map((rank) => -rank) };
}

function categoryOf(row: JsonObject): string | undefined {
  const value = row['category'] ?? row['subset'] ?? row['category_path'];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' && first !== '' ? first : undefined;
}

function read(row: JsonObject, source: Source): BestOfNPrompt {
  const fields: RowFields = new RowFields(row, source, `a best-of-n row is ${FIELDS}`);
  const { prompt, responses, gold } = readOwnForms(row, fields, source) ?? readRanked(row, fields, source);
  if (responses.length < 2) fields.fail(`there must be two or more candidates, but there is ${responses.length}`);
  if (responses.length > MOST_CANDIDATES)
    fields.fail(`there may be ${MOST_CANDIDATES} candidates at most, but there are ${responses.length}`);
  const category = categoryOf(row);
  const ranks = gold.map((own) => 1 + gold.filter((other) => other > own).length);
  return {
    id: fields.has('bon_uid') ? fields.id('bon_uid') : fields.id(),
    prompt,
    ...surroundingsOf(row, source),
    responses,
    pairs: [],
    ranks,
    gold,
    ...(category === undefined ? {} : { category }),
    source,
  };
}

/**
 * overall = fraction of prompts whose pick (the highest reward of all candidates) has the highest gold score; among
 * equal rewards each is the pick equally often. In addition, for each N, exact means over all subsets of N candidates.
 */
export const bestOfN: Benchmark<BestOfNPrompt> = {
  name: 'best-of-n',
  description: 'best-of-N: the candidate that the reward picks, against gold scores or ranks',
  format: { fields: FIELDS, read },
  overall(files: readonly ScoredFile<BestOfNPrompt>[]): BenchmarkScore {
    const { rows, notes } = scoredRows(files);
    const agreement = (own: readonly ScoredRow<BestOfNPrompt>[]) =>
      mean(own.map(({ prompt, rewards }) => pickIsBest(rewards, prompt.gold, rewards.length)));
    const categories = groupBy(rows, ({ prompt }) => prompt.category ?? '(no category)');
    const tables = [byNumber(rows), correlations(rows)];
    if (categories.size > 1) {
      tables.push({
        title: 'Gold best picked, by category',
        columns: [
          { name: 'prompts', kind: 'count' },
          { name: 'agreement', kind: 'share' },
        ],
        rows: [...categories].map(([name, own]) => ({ name, values: [own.length, agreement(own)] })),
      });
    }
    return {
      overall: agreement(rows),
      strata: [
        [meanTerm(1, unitsByPrompt(rows), ({ prompt, rewards }) => pickIsBest(rewards, prompt.gold, rewards.length))],
      ],
      formula:
        'share of prompts whose highest reward of all candidates is on a candidate with the highest gold score; ' +
        'k equal highest rewards count 1/k each. ' +
        'For each N, exact means over all subsets of N candidates: gain = (picked - random) / (oracle - random)',
      notes,
      tables,
    };
  },
};

function byNumber(rows: readonly ScoredRow<BestOfNPrompt>[]): ScoreTable {
  const most = rows.reduce((longest, { rewards }) => Math.max(longest, rewards.length), -Infinity);
  const numbers = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].filter((n) => n < most);
  const rowOf = (
    name: string,
    own: readonly ScoredRow<BestOfNPrompt>[],
    sizeOf: (row: ScoredRow<BestOfNPrompt>) => number,
  ) => {
    const picked = mean(own.map((row) => expectedPick(row.rewards, row.prompt.gold, sizeOf(row))));
    const oracle = mean(own.map((row) => expectedPick(row.prompt.gold, row.prompt.gold, sizeOf(row))));
    const random = mean(own.map(({ prompt }) => mean(prompt.gold)));
    const best = mean(own.map((row) => pickIsBest(row.rewards, row.prompt.gold, sizeOf(row))));
    return { name, values: [own.length, best, picked, random, oracle, (picked - random) / (oracle - random)] };
  };
  return {
    title: 'Gold score of the pick, by N',
    columns: [
      { name: 'prompts', kind: 'count' },
      { name: 'gold best', kind: 'share' },
      ...['picked', 'random', 'oracle'].map((name) => ({ name, kind: 'number' as const })),
      { name: 'gain', kind: 'share' },
    ],
    rows: [
      ...numbers.map((n) =>
        rowOf(
          `N = ${n}`,
          rows.filter(({ rewards }) => rewards.length >= n),
          () => n,
        ),
      ),
      rowOf('all ' + 'candidates', rows, ({ rewards }) => rewards.length),
    ],
  };
}

/** Means over the prompts in which neither the rewards nor the gold scores are all equal. */
function correlations(rows: readonly ScoredRow<BestOfNPrompt>[]): ScoreTable {
  const defined = (measure: (a: ArrayLike<number>, b: ArrayLike<number>) => number) =>
    rows.map(({ prompt, rewards }) => measure(rewards, prompt.gold)).filter((value) => !Number.isNaN(value));
  const rowOf = (name: string, values: number[]) => ({ name, values: [values.length, mean(values)] });
  return {
    title: 'Correlation of reward and gold score within a prompt',
    columns: [
      { name: 'prompts', kind: 'count' },
      { name: 'mean', kind: 'share' },
    ],
    rows: [rowOf('Spearman', defined(spearman)), rowOf('Kendall tau-b', defined(kendall))],
  };
}

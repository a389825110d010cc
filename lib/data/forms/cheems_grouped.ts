import { DataError, show } from '../errors';
import { idOf } from '../conversation/ids';
import { ReadKeys, readPrompt } from '../conversation/conversation';
import { has, type JsonObject, listOf, objectOf, textOf, tokenIdsOf } from '../fields';
import { isObject } from '../../support/is_object';
import { parsePythonInteger } from '../python_text';
import { answerOf } from '../conversation/answers';
import type { Response, Source } from '../types';
import { COMPARISON_KEYS, outcomeOf, readComparison } from './cheems_flat';
import type { Vote } from '../annotated';
import type { Contribution, DataForm } from './form';

function readResponse(value: unknown, at: string, source: Source, read: ReadKeys): Response {
  const object = objectOf(value, at, source);
  if (!has(object, 'id'))
    throw new DataError(source, `${at} has no id; a response is {id, content} or {id, input_ids}`);
  const id = idOf(object['id'], `${at}.id`, source);
  const tokenized = has(object, 'input_ids');
  if (tokenized === (has(object, 'content') || has(object, 'tool_calls'))) {
    const fault = tokenized ? 'has both content and input_ids' : 'has neither content nor input_ids';
    throw new DataError(source, `${at} (id ${show(id)}) ${fault}; a response is {id, content} or {id, input_ids}`);
  }
  if (tokenized) return { id, inputIds: tokenIdsOf(object['input_ids'], `${at}.input_ids`, source), source };
  return { id, ...answerOf(object, at, source, read), source };
}

function readAnnotation(value: unknown, at: string, source: Source): Pick<Contribution, 'responses' | 'votes'> {
  if (isObject(value)) return readComparison(value, `${at}.`, source);
  if (!Array.isArray(value) || value.length !== 3) {
    throw new DataError(
      source,
      `${at} must be [id1, id2, 1 | 2] or {answer1, answer2, preference}, but is ${show(value)}`,
    );
  }
  const vote: Vote = {
    first: idOf(value[0], `${at}[0]`, source),
    second: idOf(value[1], `${at}[1]`, source),
    outcome: outcomeOf(value[2], `${at}[2]`, source),
  };
  return { responses: [], votes: [vote] };
}

function readRanking(value: unknown, source: Source): Map<string, number> {
  const ranking = new Map<string, number>();
  for (const [id, rank] of Object.entries(objectOf(value, 'rank', source))) {
    if (rank === null) continue; // in tables: the column of another row's response
    const parsed = typeof rank === 'string' ? parsePythonInteger(rank) : rank;
    if (typeof parsed !== 'number' || !Number.isSafeInteger(parsed)) {
      throw new DataError(
        source,
        `the rank of response ${show(id)} must be an integer (1 is best), but is ${show(rank)}`,
      );
    }
    ranking.set(textOf(id, 'an id in rank', source), parsed);
  }
  return ranking;
}

export const cheemsGrouped: DataForm = {
  name: 'Cheems groups',
  fields:
    '{input, responses: [{id, content | input_ids}], annotations?: [[id1, id2, 1 | 2]], rank?: {id: integer}, ' +
    'category?}',
  matches: (row) => ['responses', 'annotations', 'rank'].some((key) => has(row, key)),
  read(row: JsonObject, source: Source, read = new ReadKeys()): Contribution {
    read.add('responses', 'annotations', 'rank');
    if (has(row, 'answer1') || has(row, 'answer2')) read.add(...COMPARISON_KEYS);
    const responses: Response[] = [];
    const votes: Vote[] = [];
    const add = (part: Pick<Contribution, 'responses' | 'votes'>) => {
      responses.push(...part.responses);
      votes.push(...part.votes);
    };
    if (has(row, 'responses')) {
      listOf(row['responses'], 'responses', source).forEach((value, i) => {
        responses.push(readResponse(value, `responses[${i}]`, source, read));
      });
    }
    // A row may be flat and grouped at once; the original then loses the annotations, but here both count.
    if (has(row, 'answer1') || has(row, 'answer2')) add(readComparison(row, '', source));
    if (has(row, 'annotations')) {
      listOf(row['annotations'], 'annotations', source).forEach((value, i) => {
        add(readAnnotation(value, `annotations[${i}]`, source));
      });
    }
    const prompt = readPrompt(row, source, read);
    if (prompt === undefined && responses.some((response) => response.inputIds === undefined)) {
      throw new DataError(
        source,
        'the prompt is missing; it belongs in "input" or "prompt" (only rows whose responses all have input_ids ' +
          'need none)',
      );
    }
    if (prompt === undefined && responses.length === 0) {
      throw new DataError(source, 'the row has neither a prompt ("input" or "prompt") nor responses');
    }
    const contribution: Contribution = { prompt, responses, votes };
    if (has(row, 'rank')) {
      const ranking = readRanking(row['rank'], source);
      if (ranking.size > 0) {
        contribution.ranking = ranking;
        contribution.rankingVotes = votes.length === 0;
      }
    }
    return contribution;
  },
};

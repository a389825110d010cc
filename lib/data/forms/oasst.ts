import { DataError } from '../errors';
import { instructionPrompt, ReadKeys } from '../conversation/conversation';
import { has, listOf, textId, textOf } from '../fields';
import type { Response } from '../types';
import type { DataForm } from './form';

/** Answers in one list, best first, as ChatGLM-Efficient-Tuning and LLaMA-Factory store OASST and older pairs. */
export const oasst: DataForm = {
  name: 'ranked outputs',
  fields: '{instruction, input?, output: [best, second, ...], history?: [[question, answer]]}',
  matches: (row) => has(row, 'instruction') && Array.isArray(row['output']),
  read(row, source, read = new ReadKeys()) {
    read.add('instruction', 'input', 'output', 'history');
    const output = listOf(row['output'], 'output', source);
    if (output.length === 0) throw new DataError(source, 'output is empty; it lists the answers, best first');
    const responses: Response[] = output.map((value, i) => {
      const content = textOf(value, `output[${i}]`, source);
      return { id: textId(content), content, source };
    });
    // An answer that is listed twice keeps its best rank; the second one is counted as a repeated response.
    const ranking = new Map<string, number>();
    responses.forEach((response, i) => {
      if (!ranking.has(response.id)) ranking.set(response.id, i + 1);
    });
    return { prompt: instructionPrompt(row, source), responses, votes: [], ranking, rankingVotes: true };
  },
};

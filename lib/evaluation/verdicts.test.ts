import test from 'ava';
import { datasetFromRows } from '../data/dataset';
import { evaluate } from './evaluate';
import { judgePredictor } from './predictors/judge';
import type { Completer, Completion } from '../judging/completer';
import { findJudgeTemplate } from '../judging/templates/registry';
import { requireVerdicts } from './verdicts';

const pair = (id: string) => ({ id, prompt: `q ${id}`, chosen: 'good', rejected: 'bad' });
const tied = {
  id: 't',
  input: 'q',
  responses: ['x', 'y'].map((content, i) => ({ id: `r${i}`, content })),
  rank: { r0: '1', r1: '1' },
};

/** Gives these answers in turn, then repeats the last one. */
async function judged(
  answers: Partial<Completion>[],
  mode: 'text' | 'logits' = 'text',
  rows: object[] = [pair('a'), pair('b')],
) {
  let n = 0;
  const completer: Completer = {
    name: 'judge-1',
    complete: async (conversations) =>
      Array.from(conversations, () => ({ text: '', finish: 'stop', ...answers[Math.min(n++, answers.length - 1)] })),
  };
  const templates = await findJudgeTemplate(mode === 'text' ? 'verdict' : 'letter');
  const predictor = judgePredictor({ completer, templates, mode, completion: { maxTokens: 300 } });
  return evaluate({
    datasets: [{ name: 'd', dataset: datasetFromRows(rows, 'd') }],
    predictor,
    bootstrap: { resamples: 0 },
  });
}

const NONE: [Partial<Completion>[], RegExp, ('text' | 'logits')?][] = [
  [
    [{ text: 'Both are\n good.' }],
    /^The judge judge-1 gave no verdict in any of 4 judgements \(no verdict in the answer: 4\)\. The first: "Both are good\."\. Check that `judgeTemplate` and its parser fit this judge\.$/,
  ],
  [
    [{ text: 'Thinking', finish: 'length' }],
    /\(cut off at the token limit: 4\)\. The first: "Thinking"\. Raise `judgeMaxTokens`, now 300\.$/,
  ],
  [
    [{ finish: 'too_long', said: 'maximum context length is 10' }],
    /\(too long for the judge: 4\)\. The first: "maximum context length is 10"\. Lower `judgeMaxTokens`, now 300, or take a judge with a longer context\.$/,
  ],
  [
    [{ finish: 'filtered', said: 'Content Exists Risk' }, { text: 'hm' }],
    /\(refused by a content filter: 1; no verdict in the answer: 3\)\. The first: "Content Exists Risk"\. Check that/,
  ],
  [[{ finish: 'filtered' }], /\(refused by a content filter: 4\)\. Another judge may answer\.$/],
  [
    [{ firstTokens: [{ token: '好', logprob: -0.1 }] }],
    /\(no verdict in the answer: 4\)\. Its first token is none of the letters/,
    'logits',
  ],
];
for (const [answers, message, mode] of NONE) {
  test(`a run without a verdict says why: ${message.source.slice(0, 60)}`, async (t) => {
    const evaluation = await judged(answers, mode);
    t.throws(() => requireVerdicts(evaluation), { name: 'JudgeError', message });
  });
}

test('one verdict is a run with one; a tie is a verdict', async (t) => {
  for (const text of ['[[A]]', '[[C]]']) {
    const evaluation = await judged([{ finish: 'filtered' }, { text }, { finish: 'too_long' }]);
    t.notThrows(() => requireVerdicts(evaluation));
  }
});

test('no pair of known order is nothing to judge', async (t) => {
  const evaluation = await judged([{ text: '[[A]]' }], 'text', [tied]);
  t.throws(() => requireVerdicts(evaluation), {
    message: /^There is nothing to judge: no prompt of d has two responses of which one is known to be better\.$/,
  });
});

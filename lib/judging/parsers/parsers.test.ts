import test from 'ava';
import { z } from 'zod';
import { bindParser, registeredVerdictParsers, registerVerdictParser } from './registry';
import { withoutReasoning } from './parser';

type Case = [text: string, verdict: 'A' | 'B' | 'tie' | undefined];

function parses(name: string, cases: Case[], options: Record<string, unknown> = {}) {
  test(`${name} ${JSON.stringify(options)}`, (t) => {
    const parser = bindParser(name, options);
    for (const [text, verdict] of cases) t.is(parser.parse(text), verdict, JSON.stringify(text));
  });
}

parses('brackets', [
  ['[[A]]', 'A'],
  ['先看[[A]]的优点……综合来看\n\n[[B]]', 'B'],
  ['两者相当：[[C]]。', 'tie'],
  ['［［Ｂ］］', 'B'],
  ['[[ a ]]', 'A'],
  ['[[D]]', undefined],
  ['[A]', undefined],
  ['', undefined],
  ['<think>I lean to [[B]]</think>\n[[A]]', 'A'],
  ['[[B]] at first sight</think>[[A]]', 'A'],
  ['<think>maybe [[A]], maybe', undefined],
  ['[[A]]\n<think>but then [[B]]', 'A'],
  ['**[[A]]**', 'A'],
]);
parses(
  'brackets',
  [
    ['[[A>B]]', 'A'],
    ['[[B>A]]', 'B'],
    ['[[A=B]]', 'tie'],
    ['[[A]]', undefined],
  ],
  { a: 'A>B', b: 'B>A', tie: 'A=B' },
);
parses(
  'brackets',
  [
    ['[[C]]', undefined],
    ['[[甲]]', undefined],
  ],
  { tie: null },
);
parses(
  'brackets',
  [
    ['结论：[[甲]]', 'A'],
    ['[[乙]]', 'B'],
    ['[[平]]', 'tie'],
  ],
  { a: '甲', b: '乙', tie: '平' },
);

parses('output_letter', [
  ['Output (a)', 'A'],
  ['Output (b)', 'B'],
  ['output(A)', 'A'],
  ['Neither is perfect. Output (a) is short.\nTherefore, Output (b) is better.', 'B'],
  ['Output （b）', 'B'],
  ['Output (c)', undefined],
  ['(a)', undefined],
]);
parses(
  'output_letter',
  [
    ['Response (c)', 'tie'],
    ['Output (a)', undefined],
  ],
  { word: 'Response', tie: 'c' },
);

parses('letter', [
  ['A', 'A'],
  [' b\n', 'B'],
  ['**B**', 'B'],
  ['「A」。', 'A'],
  ['Ａ', 'A'],
  ['C', 'tie'],
  ['答案：B', 'B'],
  ['Assistant B', 'B'],
  ['**Response A**', 'A'],
  ['回答B。', 'B'],
  ['它们各有优劣。\n助手 A', 'A'],
  ['Assistant', undefined],
  ['Assistant bot', undefined],
  ['我认为更好的回答是A。', 'A'],
  ['综合考虑，回答B更好。', 'B'],
  ['回答A优于回答B', 'A'],
  ['Answer: A', 'A'],
  ['The better response is **B**, since it is right.', 'B'],
  ['Response A is better because it answers the question.', 'A'],
  ['My choice: Response B', 'B'],
  ['A. It is shorter.', 'A'],
  ['B\n\n因为它更准确。', 'B'],
  ['它列出了要点。\n\nA', 'A'],
  ['At first the answer is A. On reflection, the answer is B.', 'B'],
  ['A good answer names its sources.', undefined],
  ['The choice is a hard one.', undefined],
  ['Both have their merits.', undefined],
  ['两个回答都不错。', undefined],
  ['Answer: Although', undefined],
  ['AB', undefined],
  ['data wins', undefined],
  ['<think>A or B?</think>B', 'B'],
]);
parses(
  'letter',
  [
    ['1', 'A'],
    ['Answer: 2', 'B'],
    ['12', undefined],
    ['A', undefined],
  ],
  { a: '1', b: '2', tie: null },
);

parses('json', [
  ['{"choice": 1}', 'A'],
  ['```json\n{"reason": "第二个更准确，\\"见下\\" {例}", "choice": 2}\n```', 'B'],
  ['{"choice": "2"}', 'B'],
  ['{"choice": 0}', 'tie'],
  ['{"choice": 3}', undefined],
  ['{"choice": 1} … no: {"choice": 2}', 'B'],
  ['{"other": 1}', undefined],
  ['{"reason": "he said "hello" to me", "choice": 1}', 'A'],
  ['{"choice": null}', undefined],
  ['no object', undefined],
  ['{"choice": 1', 'A'],
]);
parses(
  'json',
  [
    ['{"原因": "……", "更好的回答": 2}', 'B'],
    ['{"原因": "……", "更好的回答": "1"}', 'A'],
    ['{"更好的回答": 0}', undefined],
  ],
  { field: '更好的回答', tie: null },
);
parses(
  'json',
  [
    ['{"winner": "model_a"}', 'A'],
    ['{"winner": "MODEL_B"}', 'B'],
    ['{"winner": "tie"}', 'tie'],
  ],
  { field: 'winner', a: 'model_a', b: 'model_b', tie: 'tie' },
);

parses(
  'after',
  [
    ['Feedback: A is short, B is right. [RESULT] B', 'B'],
    ['[RESULT] A', 'A'],
    ['**[RESULT]** **B**', 'B'],
    ['[result]: a', 'A'],
    ['[RESULT] (A or B) … [RESULT] B', 'B'],
    ['[RESULT]\nA', 'A'],
    ['[RESULT] Although', undefined],
    ['RESULT A', undefined],
    ['A', undefined],
  ],
  { words: '[RESULT]', tie: null },
);
parses(
  'after',
  [
    ['So, the final decision is Response 1. It is clearer.', 'A'],
    ['So, the final decision is  Response 2', 'B'],
    ['So, the final decision is Response 12', undefined],
  ],
  { words: 'final decision is Response', a: '1', b: '2', tie: null },
);
parses(
  'after',
  [
    ['评分后，胜者：甲', 'A'],
    ['胜者:乙。', 'B'],
    ['胜者：甲乙', undefined],
  ],
  { words: '胜者', a: '甲', b: '乙', tie: '平' },
);

parses('scores', [
  ['8 7\nThe first is more complete.', 'A'],
  ['6.5 9', 'B'],
  ['7, 7', 'tie'],
  ['8/10 9/10', 'B'],
  ['**8** **6**', 'A'],
  ['８ ６', 'A'],
  ['Scores follow.\n3 4\n5 1', 'B'],
  ['8', undefined],
  ['8 7 6', undefined],
  ['8 points and 7 points', undefined],
  ['12', undefined],
  ['', undefined],
]);
parses('scores', [['3 4\nOn reflection:\n5 1', 'A']], { line: 'last' });

test('thoughts are taken away, or kept where asked', (t) => {
  t.is(withoutReasoning('<think>x</think> y'), 'y');
  t.is(withoutReasoning('<thinking>x</thinking><think>y</think>z'), 'z');
  t.is(bindParser('brackets', {}, 'keep').parse('x <think>[[A]]'), 'A');
});

test('a parser that is not known, and options that do not fit, are told', (t) => {
  t.throws(() => bindParser('bracket'), {
    name: 'JudgeError',
    message: /no verdict parser "bracket"; known parsers: brackets, letter, output_letter, json, after, scores/,
  });
  t.throws(() => bindParser('json', { feild: 'x' }), {
    message: /options of the verdict parser "json" are not valid: Unrecognized key: "feild"/,
  });
  t.throws(() => bindParser('brackets', { a: 3 }), { message: /"brackets" are not valid: "a": / });
});

test('a parser of one own is found by name, and a name is taken once', (t) => {
  const parser = {
    name: 'shout',
    description: 'd',
    options: z.strictObject({}),
    parse: (text: string) => (text.includes('FIRST') ? ('A' as const) : undefined),
  };
  registerVerdictParser(parser);
  t.true(registeredVerdictParsers().includes('shout'));
  t.is(bindParser('shout').parse('FIRST!'), 'A');
  t.throws(() => registerVerdictParser(parser), { message: /registered already/ });
});

test('long runs of marks take no time', (t) => {
  const began = performance.now();
  for (const [name, options] of [
    ['brackets'],
    ['letter'],
    ['output_letter'],
    ['json'],
    ['after', { words: '[RESULT]' }],
    ['scores'],
  ] as const) {
    for (const run of ['*', '{', '"', ' ', 'answer: ', '[', '\n', 'A ', '[RESULT] ', '1 ', '1'])
      bindParser(name, options).parse(run.repeat(20_000 / run.length));
  }
  t.true(performance.now() - began < 5000, `${performance.now() - began} ms`);
});

import test from 'ava';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PreferencePrompt } from '../../data/types';
import { definePredictor, runPredictor } from './define';
import { lengthPredictor } from './length';
import { loadPredictor, registerPredictor } from './registry';
import type { PredictorDefinition } from './predictor';
import { PredictorError } from '../../judging/errors';

const prompt = (id: string, texts: string[], more: Partial<PreferencePrompt> = {}): PreferencePrompt => ({
  id,
  prompt: `问题${id}`,
  responses: texts.map((content, i) => ({ id: `r${i}`, content })),
  pairs: [],
  source: { file: 'data.jsonl', line: 1 },
  ...more,
});
const three = [prompt('0', ['一', '一二']), prompt('1', ['一二三']), prompt('2', ['', '一二三四'])];
const run = (definition: PredictorDefinition, options = {}) =>
  runPredictor(definePredictor(definition), three, options);

test('the flat form gets every response with its prompt, and the scores go back to their prompts', async (t) => {
  const seen: unknown[] = [];
  const scores = await run({
    name: 'short',
    score: async (samples) => {
      seen.push(
        ...samples.map(({ promptId, responseId, prompt: text, systemPrompt }) => [
          promptId,
          responseId,
          text,
          systemPrompt,
        ]),
      );
      return samples.map((s) => -s.response.length);
    },
  });
  t.deepEqual(
    scores.map(({ rewards }) => rewards),
    [[-1, -2], [-3], [-0, -4]],
  );
  t.deepEqual(seen[1], ['0', 'r1', '问题0', undefined]);
});

test('samples come in batches that keep prompts whole, with progress', async (t) => {
  const sizes: number[] = [];
  const progress: [number, number][] = [];
  await run(
    {
      name: 'batches',
      batchSize: 2,
      score: (samples) => (sizes.push(samples.length), Float32Array.from(samples, () => 1)),
    },
    { onProgress: ({ done, total }: { done: number; total: number }) => progress.push([done, total]) },
  );
  t.deepEqual(sizes, [2, 1, 2]);
  t.deepEqual(progress, [
    [2, 5],
    [3, 5],
    [5, 5],
  ]);
});

test('an abort between batches stops the work with the signal’s reason', async (t) => {
  const controller = new AbortController();
  let calls = 0;
  const error = await t.throwsAsync(
    run(
      {
        name: 'abort',
        batchSize: 2,
        score: (samples) => (calls++, controller.abort(new Error('stop now')), samples.map(() => 0)),
      },
      { signal: controller.signal },
    ),
  );
  t.is(error.message, 'stop now');
  t.is(calls, 1);
});

const wrongAnswers: [string, PredictorDefinition['score'], RegExp][] = [
  ['too few numbers', () => [1], /given 5 samples but answered with 1 numbers/],
  ['NaN', (samples) => samples.map((_, i) => (i === 2 ? NaN : 0)), /gave NaN for response r0 of prompt 1/],
  [
    'text',
    (samples) => samples.map(() => '1' as unknown as number),
    /a value of type string for response r0 of prompt 0/,
  ],
  ['nothing', () => undefined as unknown as number[], /array of numbers.*type undefined/],
  [
    'an error',
    () => {
      throw new TypeError('x is not a function');
    },
    /predictor "wrong" failed: x is not a function/,
  ],
  ['a rejected promise', () => Promise.reject(new Error('no network')), /failed: no network/],
];
for (const [what, score, message] of wrongAnswers) {
  test(`a predictor that gives ${what} is told so by name`, async (t) => {
    await t.throwsAsync(run({ name: 'wrong', score }), { instanceOf: PredictorError, message });
  });
}

test('a predictor of whole prompts may leave responses unscored, but not out', async (t) => {
  const of = (rewards: (number | null)[][], more = {}) =>
    runPredictor({ name: 'whole', scorePrompts: async () => rewards.map((own) => ({ rewards: own, ...more })) }, three);
  t.is((await of([[1, null], [1], [1, 1]]))[0]!.rewards[1], null);
  await t.throwsAsync(of([[1], [1], [1, 1]]), { message: /gave 1 rewards for prompt 0, which has 2 responses/ });
  await t.throwsAsync(of([[1, 1]]), { message: /given 3 prompts but answered with 1 entries/ });
  await t.throwsAsync(of([[1, 1], [Infinity], [1, 1]]), { message: /gave Infinity for response r0 of prompt 1/ });
  await t.throwsAsync(of([[1, 1], [1], [1, 1]], { tokens: [1, 2] }), {
    message: /gave 2 tokens for prompt 1, which has 1/,
  });
});

test('the built-in length predictor counts characters, and all turns', async (t) => {
  const scores = await runPredictor(lengthPredictor, [
    prompt('0', ['一二', '𠀀𠀀𠀀']),
    prompt('1', [], {
      responses: [
        {
          id: 'a',
          content: '二',
          messages: [
            { role: 'assistant', content: '一' },
            { role: 'user', content: '嗯' },
            { role: 'assistant', content: '二' },
          ],
        },
      ],
    }),
  ]);
  t.deepEqual(
    scores.map(({ rewards }) => rewards),
    [[2, 3], [3]],
  );
});

test('responses known only by token ids are refused, unless the predictor takes them', async (t) => {
  const ids = [prompt('0', [], { responses: [{ id: 'a', inputIds: Int32Array.of(1, 2, 3) }] })];
  await t.throwsAsync(runPredictor(lengthPredictor, ids), {
    message: /"length" reads texts, but response a of prompt 0 \(data\.jsonl:1\)/,
  });
  const takes = definePredictor({
    name: 'ids',
    acceptsTokenIds: true,
    score: (samples) => samples.map((s) => s.inputIds!.length),
  });
  t.deepEqual((await runPredictor(takes, ids))[0]!.rewards, [3]);
});

test('names are registered once and found', async (t) => {
  const own = registerPredictor({ name: 'constant', score: (samples) => samples.map(() => 0) });
  t.is(await loadPredictor('constant'), own);
  t.is(await loadPredictor('length'), lengthPredictor);
  t.throws(() => registerPredictor({ name: 'length', score: () => [] }), { message: /"length" is registered already/ });
});

const folder = mkdtempSync(join(tmpdir(), 'predictors-'));
const moduleFile = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const score = 'score: async (samples) => samples.map((s) => -s.response.length)';

const modules: [string, string, string][] = [
  ['ESM', 'own.mjs', `export default { name: 'own', ${score} };`],
  ['CommonJS', 'own.cjs', `module.exports = { name: 'own', ${score} };`],
  [
    'CommonJS compiled from TypeScript',
    'compiled.cjs',
    `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { name: 'own', ${score} };`,
  ],
  [
    'a class with scorePrompts',
    'class.mjs',
    `class Own { name = 'own'; async scorePrompts(prompts) { return prompts.map((p) => ({ rewards: ` +
      'p.responses.map((r) => -r.content.length) })); } } export default new Own();',
  ],
];
for (const [what, name, text] of modules) {
  test(`a module of one's own: ${what}`, async (t) => {
    const predictor = await loadPredictor(moduleFile(name, text));
    t.is(predictor.name, 'own');
    t.deepEqual(
      (await runPredictor(predictor, three)).map(({ rewards }) => rewards),
      [[-1, -2], [-3], [-0, -4]],
    );
  });
}

const badModules: [string, string, string, RegExp][] = [
  ['no default export', 'named.mjs', 'export const x = 1;', /named\.mjs has no default export/],
  [
    'a function',
    'function.mjs',
    'export default () => 1;',
    /does not give a predictor: an object \{ name, score \} is needed, not a function/,
  ],
  ['no name', 'nameless.mjs', `export default { ${score} };`, /"name" must be a text/],
  ['no score', 'scoreless.mjs', `export default { name: 'x' };`, /needs a function "score"/],
  ['a syntax error', 'syntax.mjs', 'export default {', /syntax\.mjs could not be loaded/],
  ['an error on loading', 'throws.cjs', `throw new Error('no key');`, /could not be loaded: no key/],
];
for (const [what, name, text, message] of badModules) {
  test(`a module with ${what} is refused in words`, async (t) => {
    await t.throwsAsync(loadPredictor(moduleFile(name, text)), { instanceOf: PredictorError, message });
  });
}

test('a path that is not there, or is TypeScript', async (t) => {
  await t.throwsAsync(loadPredictor('./nowhere.js'), {
    message: /neither a registered predictor \(length.*nor a file/,
  });
  await t.throwsAsync(
    loadPredictor(moduleFile('own.ts', `export default { name: 'own', score: (s: number[]) => s };`)),
    { message: /It is TypeScript: compile it/ },
  );
});

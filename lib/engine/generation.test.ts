// Generation through the typed entry. The C++ tests check the results; these test types, abort and progress, misuse and
// disposal.
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import test from 'ava';
import { engine } from './engine';
import type { EngineCausalModel } from './types';
import type { GenerationOptions, SampleBatch } from './types.generated';

const folder = path.join(__dirname, '..', '..', 'fixtures', 'reference', 'huggingface', 'qwen2-causal');
interface Case {
  prompt: number[];
  new_ids: number[];
  logprobs: number[];
}
const { generate: cases } = JSON.parse(readFileSync(path.join(folder, 'reference.json'), 'utf8')) as {
  generate: Case[];
};

function batchOf(prompts: readonly number[][]): SampleBatch {
  const offsets = new Int32Array(prompts.length + 1);
  prompts.forEach((ids, i) => (offsets[i + 1] = offsets[i]! + ids.length));
  return { tokens: Int32Array.from(prompts.flat()), offsets, groups: Int32Array.from(prompts, (_, i) => i) };
}
const batch = batchOf(cases.map(({ prompt }) => prompt));

async function withModel(use: (model: EngineCausalModel) => Promise<void>): Promise<void> {
  const model = await engine.loadCausalModel({ folder, device: 'cpu', numThreads: 2 });
  try {
    await use(model);
  } finally {
    await model.dispose();
  }
}

async function generateAll(model: EngineCausalModel, prompts: SampleBatch, options: GenerationOptions, steps = 5) {
  const generation = await model.startGeneration(prompts, options);
  const texts: number[][] = Array.from(prompts.groups, () => []);
  let finished = new Uint8Array(texts.length);
  while (finished.includes(0)) {
    const step = await generation.advance(steps);
    let next = 0;
    step.counts.forEach((count, i) => texts[i]!.push(...step.tokens.subarray(next, (next += count))));
    finished = Uint8Array.from(step.finished);
  }
  await generation.dispose();
  return { texts, finished: [...finished] };
}

test('greedy tokens are those of transformers, from one pass and step by step', (t) =>
  withModel(async (model) => {
    t.is(model.architecture.family, 'qwen2');
    t.is(model.device, 'cpu');
    t.is(model.precision, 'float32');
    const { texts, finished } = await generateAll(model, batch, { maxNewTokens: 16 });
    t.deepEqual(
      texts,
      cases.map(({ new_ids }) => new_ids),
    );
    t.deepEqual(
      finished,
      cases.map(() => 2),
    );
    const { ids, logProbabilities } = await model.nextTokenLogProbabilities(batch, { count: 3, microBatchTokens: 64 });
    t.is(ids.length, 3 * cases.length);
    cases.forEach(({ new_ids, logprobs }, i) => {
      t.is(ids[3 * i], new_ids[0]!);
      t.true(Math.abs(logProbabilities[3 * i]! - logprobs[0]!) < 1e-4);
    });
  }));

test('options take arrays of either kind; sampling repeats by seed and stream; stop tokens and lengths end prompts', (t) =>
  withModel(async (model) => {
    const options = {
      maxNewTokens: 12,
      temperature: 1.2,
      topK: 40,
      topP: 0.95,
      seed: 7,
      sequenceNumbers: Int32Array.of(4, 5, 6),
    };
    const first = await generateAll(model, batch, options);
    t.deepEqual(await generateAll(model, batch, options, 1), first);
    t.notDeepEqual(await generateAll(model, batch, { ...options, seed: 8 }), first);
    const alone = await generateAll(model, batchOf([cases[1]!.prompt]), {
      ...options,
      sequenceNumbers: Int32Array.of(5),
    });
    t.deepEqual(alone.texts[0], first.texts[1]);
    const stop = cases[2]!.new_ids[4]!;
    const ended = await generateAll(model, batch, { maxNewTokens: [3, 1, 16], stopTokens: [stop] });
    t.deepEqual(ended.texts[2], cases[2]!.new_ids.slice(0, cases[2]!.new_ids.indexOf(stop)));
    t.is(ended.finished[2], 1);
    const lengths = await generateAll(model, batch, { maxNewTokens: Int32Array.of(3, 1, 2), maxSequences: 1 });
    t.deepEqual(
      lengths.texts,
      cases.map(({ new_ids }, i) => new_ids.slice(0, [3, 1, 2][i])),
    );
  }));

test('an aborted call loses nothing; prompts can be ended; two generations go on side by side', (t) =>
  withModel(async (model) => {
    const options = { maxNewTokens: 16 };
    const [one, other] = [await model.startGeneration(batch, options), await model.startGeneration(batch, options)];
    const abort = new AbortController();
    const advancing = one.advance(16, { signal: abort.signal });
    abort.abort(new Error('enough'));
    const aborted = await advancing.then(
      () => undefined,
      (error: Error) => error,
    );
    if (aborted) t.is(aborted.message, 'enough');
    const second = await other.advance(2);
    t.deepEqual([...second.counts], [2, 2, 2]);
    const { finished } = await other.advance(1, { stop: [0, 2] });
    t.deepEqual([...finished], [3, 0, 3]);
    if (aborted) {
      const { tokens, counts } = await one.advance(16);
      t.deepEqual([...counts], [16, 16, 16]);
      t.deepEqual(
        [...tokens],
        cases.flatMap(({ new_ids }) => new_ids),
      );
    }
    await t.throwsAsync(one.advance(1), { message: /All prompts of this generation have ended/, code: 'COMPUTATION' });
    await Promise.all([one.dispose(), other.dispose()]);
    await t.throwsAsync(other.advance(1), { message: /generation has been disposed/ });
  }));

test('misuse is refused in sentences', async (t) => {
  const model = await engine.loadCausalModel({ folder, device: 'cpu' });
  const start = (options: Record<string, unknown>, prompts = batch) =>
    model.startGeneration(prompts, { maxNewTokens: 4, ...options });
  await t.throwsAsync(start({ temperature: -1 }), { message: /temperature/ });
  await t.throwsAsync(start({ topP: 0 }), { message: /top_p/ });
  await t.throwsAsync(start({ maxNewTokens: undefined }), { message: /max_new_tokens has 0 entries for 3 prompts/ });
  await t.throwsAsync(start({ maxNewTokens: 0 }), { message: /at least 1/ });
  await t.throwsAsync(start({ stopTokens: ['a'] }), { message: /stopTokens/ });
  await t.throwsAsync(start({ stopTokens: [97] }), { message: /Stop token 97/ });
  await t.throwsAsync(start({ sequenceNumbers: Int32Array.of(1) }), { message: /sequence_numbers/ });
  await t.throwsAsync(start({ cacheTokens: 3 }), { message: /cache_tokens/ });
  await t.throwsAsync(start({}, batchOf([[1, 400]])), { message: /token id 400/ });
  await t.throwsAsync(start({}, batchOf([])), { message: /no prompts/ });
  await t.throwsAsync(model.nextTokenLogProbabilities(batch, { count: 98 }), { message: /count is 98/ });
  const generation = await start({});
  await t.throwsAsync(generation.advance(0), { message: /at least 1/ });
  await t.throwsAsync(generation.advance(1, { stop: [3] }), { message: /stop prompt 3/ });
  await t.throwsAsync(generation.advance(1.5), { message: /whole numbers/ });
  const running = generation.advance(4);
  await model.dispose();
  await running.catch((error: Error) => t.regex(error.message, /disposed/));
  t.true(model.disposed);
  await t.throwsAsync(generation.advance(1), { message: /disposed/ });
  await t.throwsAsync(start({}), { message: /disposed/ });
  await generation.dispose();
  await t.throwsAsync(engine.loadCausalModel({ folder: path.join(folder, '..', 'qwen2-gqa'), device: 'cpu' }), {
    code: 'MODEL_FILE',
  });
});

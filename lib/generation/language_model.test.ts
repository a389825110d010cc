import test from 'ava';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { engine as nativeEngine } from '../engine/engine';
import { fakeCausalEngine, type FakeCausalOptions } from '../testing/fake_causal_engine';
import { IM_END, makeLanguageModelFolder } from '../testing/language_model_folder';
import { LanguageModel } from './language_model';
import type { Answer } from './answer';
import type { LanguageModelOptions } from './options';

const folder = makeLanguageModelFolder();

async function open(options: LanguageModelOptions = {}, fake: FakeCausalOptions = {}) {
  const engine = fakeCausalEngine(fake);
  return { engine, model: await LanguageModel.load(folder, options, engine) };
}

const items = Array.from({ length: 23 }, (_, i) => ({
  systemPrompt: '你是助手',
  prompt: `问题${'长'.repeat(i % 5)}${Math.floor(i / 2)}`,
}));

test('answers do not depend on how many are computed at once, greedy or sampled', async (t) => {
  for (const sampling of [{ temperature: 0 }, { temperature: 0.9, topK: 5, topP: 0.9, seed: 3 }]) {
    const all: Answer[][] = [];
    for (const bounds of [{ batchPrompts: 1 }, { batchPrompts: 7 }, { kvCacheTokens: 200 }, {}]) {
      const { model, engine } = await open(bounds);
      all.push(await model.generate(items, { maxTokens: 40, stop: ['的'], ...sampling }));
      t.is(engine.open, 0, 'every generation was disposed of');
    }
    for (const answers of all.slice(1)) t.deepEqual(answers, all[0]);
  }
  const { model } = await open();
  const [a, b] = await model.generate(['同样', '同样'], { maxTokens: 30, temperature: 1 });
  t.notDeepEqual(a, b, 'each prompt draws from a stream of its own');
  t.deepEqual(await model.generate(['同样', '同样'], { maxTokens: 30, temperature: 1 }), [a, b]);
  t.notDeepEqual(await model.generate(['同样', '同样'], { maxTokens: 30, temperature: 1, seed: 1 }), [a, b]);
});

test('what the engine is given: prompts in order, common beginnings as groups, stop tokens, settings', async (t) => {
  const { model, engine } = await open({ batchPrompts: 2 });
  await model.generate(['甲乙丙丁戊己庚辛1', '甲乙丙丁戊己庚辛2', 'xyz'], {
    maxTokens: 5,
    temperature: 0.5,
    topK: 9,
    topP: 0.8,
    seed: 11,
  });
  t.deepEqual(
    engine.started.map(({ groups }) => groups),
    [[0, 0], [0]],
  );
  t.like(engine.started[0]!.options, {
    maxNewTokens: 5,
    temperature: 0.5,
    topK: 9,
    topP: 0.8,
    seed: 11,
    stopTokens: [IM_END],
    sequenceNumbers: Int32Array.of(0, 1),
  });
});

test('stopped, cut, too long; an answer is told as it ends', async (t) => {
  const tokenizer = (await open()).model as unknown as { prompts: { tokenizer: { encode(text: string): Int32Array } } };
  const ids = (text: string) => [...tokenizer.prompts.tokenizer.encode(text)];
  const script = (prompt: number[]) =>
    prompt.length > 40 ? undefined : [...ids('<think>嗯</think>答案是[[A]]。停 后面'), IM_END];
  const { model, engine } = await open({}, { script, positions: 120 });
  const told: [number, Answer['finish']][] = [];
  const answers = await model.generate(['短', '长'.repeat(50), '太长'.repeat(90)], {
    maxTokens: 30,
    stop: ['停'],
    onAnswer: (index, { finish }) => told.push([index, finish]),
  });
  t.like(answers[0], { text: '答案是[[A]]。', reasoning: '嗯', finish: 'stop' });
  t.like(answers[1], { finish: 'length', usage: { completionTokens: 30 } });
  t.like(answers[2], { text: '', finish: 'too_long', usage: { completionTokens: 0 } });
  t.is(told[0]![0], 2, 'what is too long is told before anything is computed');
  t.deepEqual(told.map(([index]) => index).sort(), [0, 1, 2]);
  t.is(engine.started[0]!.prompts.length, 2);
});

test('an abort rejects with its reason, after what had ended was handed over; a failure is passed on', async (t) => {
  const controller = new AbortController();
  let stretches = 0;
  const { model, engine } = await open(
    { batchPrompts: 4 },
    { beforeAdvance: () => void (++stretches === 5 && controller.abort(new Error('enough'))) },
  );
  const kept: number[] = [];
  await t.throwsAsync(
    model.generate(items, { maxTokens: 64, signal: controller.signal, onAnswer: (index) => kept.push(index) }),
    { message: 'enough' },
  );
  t.true(kept.length >= 8 && kept.length < items.length, String(kept.length));
  t.is(engine.open, 0);
  const { model: failing, engine: fake } = await open(
    {},
    { beforeAdvance: () => Promise.reject(new Error('no memory')) },
  );
  await t.throwsAsync(failing.generate(['x']), { message: 'no memory' });
  t.is(fake.open, 0);
});

test('options are checked by name', async (t) => {
  const { model } = await open();
  for (const [options, message] of [
    [{ temperature: -1 }, /options\.temperature \(-1\): must be at least 0\./],
    [{ temperature: NaN }, /options\.temperature \(NaN\): expected a number/],
    [{ topP: 0 }, /options\.topP \(0\): must be above 0/],
    [{ topK: 1.5 }, /options\.topK \(1\.5\): expected a whole number/],
    [{ maxTokens: 0 }, /options\.maxTokens \(0\): must be at least 1/],
    [{ maxTokens: '5' as never }, /options\.maxTokens \("5"\): expected a number/],
    [{ maxNewTokens: 0 }, /options\.maxNewTokens \(0\): must be at least 1/],
    [{ stop: [''] }, /options\.stop \(\[""\]\): must not be empty/],
    [{ stop: '\n' as never }, /options\.stop \("\\n"\): expected a list/],
    [{ seed: -2 }, /options\.seed/],
    [{ max_tokens: 2 } as object, /there is no option "max_tokens"\. Did you mean "maxTokens"\?/],
    [{ signal: 'x' as never }, /options\.signal must be an AbortSignal/],
  ] as const)
    await t.throwsAsync(model.generate(['x'], options), { name: 'ArgumentError', code: 'INVALID_ARGUMENT', message });
  await t.throwsAsync(model.generate(['x'], { maxTokens: 3, maxNewTokens: 4 }), {
    message: /maxTokens \(3\) and maxNewTokens \(4\) are two names of one option/,
  });
  await t.throwsAsync(model.generate([{}]), { message: /either "prompt" or "messages"/ });
  await t.throwsAsync(model.generate([[{ role: 'user', content: 'x' }]], { raw: true }), { message: /must be a text/ });
});

test('a folder that ties the output layer in config.json and has another one in its weights is told of', async (t) => {
  const sizes = {
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    num_key_value_heads: 1,
    max_position_embeddings: 64,
  };
  const own = makeLanguageModelFolder({ config: { ...sizes, tie_word_embeddings: false } });
  await nativeEngine.initialize(join(own, 'config.json'), 1, join(own, 'model.safetensors'));
  const tied = makeLanguageModelFolder({ config: { ...sizes, tie_word_embeddings: true } });
  cpSync(join(own, 'model.safetensors'), join(tied, 'model.safetensors'));
  const texts: string[] = [];
  for (const [place, said] of [
    [own, false],
    [tied, true],
  ] as const) {
    const model = await LanguageModel.load(place, { device: 'cpu' });
    t.is(
      model.notes.some((note) => note.includes('tie_word_embeddings')),
      said,
    );
    texts.push((await model.generate(['问题'], { maxTokens: 8, temperature: 0 }))[0]!.text);
    await model.dispose();
  }
  t.is(texts[1], texts[0]);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { choosePadTokenId, makeConfig } from './config';

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-model-folder-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the padding id is never one that ends a sample or a sequence', (t) => {
  const choose = (
    pad: number | undefined,
    configPad: number | undefined,
    others: number[],
    avoid: number[],
    ends: number[] = [],
  ) => choosePadTokenId({ pad, others }, configPad, new Set(avoid), new Set(ends), 10);
  t.is(choose(undefined, 0, [5], [3]), 0);
  t.is(choose(1, 0, [5], [3]), 1);
  t.is(choose(3, 0, [5], [3]), 0);
  t.is(choose(3, 3, [5], [3]), 5);
  t.is(choose(undefined, undefined, [3, 4, 5], [3], [4]), 5);
  t.is(choose(undefined, undefined, [], [9]), 8);
  t.is(choose(undefined, 12, [], []), 9);
  t.throws(() => choose(0, 0, [], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), { message: /Every id of the vocabulary/ });
});

test("a config keeps its other fields and its numbers' spelling, and takes the tokenizer's padding", async (t) => {
  const folder = temporaryFolder(t);
  const source =
    '{"architectures": ["Qwen2ForCausalLM"], "auto_map": {"AutoModel": "x.py"}, "rms_norm_eps": 1e-06, ' +
    '"attention_dropout": 0.0, "rope_theta": 1000000.0, "eos_token_id": 2, "name": "a \\"1.0\\" b", "big": ' +
    '12345678901234567890}';
  writeFileSync(join(folder, 'config.json'), source);
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ pad_token: '<pad>', unk_token: { content: '<unk>' } }),
  );
  writeFileSync(
    join(folder, 'tokenizer.json'),
    JSON.stringify({
      added_tokens: [
        { id: 1, content: '<pad>', special: true },
        { id: 4, content: '<unk>', special: true },
        { id: 2, content: '<end>', special: true },
      ],
    }),
  );
  const request = { baseFolder: folder, classPrefix: 'Qwen2', vocabSize: 10, dtype: 'bfloat16' as const };
  const { config, padTokenId, newPadToken } = await makeConfig({ ...request, lastTokens: new Map([[2, 100]]) });
  t.is(padTokenId, 1);
  t.is(newPadToken, undefined);
  const other = await makeConfig({
    ...request,
    lastTokens: new Map([
      [2, 1],
      [1, 1],
    ]),
  });
  t.is(other.padTokenId, 4);
  t.is(other.newPadToken, '<unk>');
  for (const text of [
    '"rms_norm_eps": 1e-06',
    '"attention_dropout": 0.0',
    '"rope_theta": 1000000.0',
    '"big": 12345678901234567890',
    '"name": "a \\"1.0\\" b"',
    '"pad_token_id": 1',
    '"dtype": "bfloat16"',
    '"torch_dtype": "bfloat16"',
  ])
    t.true(config.includes(text), text);
  t.false(config.includes('auto_map'));
  t.deepEqual((JSON.parse(config) as { architectures: unknown }).architectures, ['Qwen2ForSequenceClassification']);
});

test('an InternLM2 is saved as the Llama that its class makes of what config.json leaves out', async (t) => {
  const folder = temporaryFolder(t);
  const saved = async (fields: Record<string, unknown>) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'internlm2', ...fields }));
    const made = await makeConfig({
      baseFolder: folder,
      classPrefix: 'Llama',
      savedFamily: 'llama',
      vocabSize: 10,
      lastTokens: new Map([[2, 1]]),
      dtype: 'float32',
    });
    return JSON.parse(made.config) as Record<string, unknown>;
  };
  t.like(await saved({}), { model_type: 'llama', attention_bias: true, vocab_size: 10 });
  const plain = await saved({ bias: false });
  t.like(plain, { attention_bias: false });
  t.false('bias' in plain);
});

test("the rope of a saved model is the base model's in both spellings, of which transformers 5 takes rope_scaling", async (t) => {
  const folder = temporaryFolder(t);
  const ropeOf = async (rope: Record<string, unknown>) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'llama', ...rope }));
    const made = await makeConfig({
      baseFolder: folder,
      classPrefix: 'Llama',
      vocabSize: 10,
      lastTokens: new Map([[2, 1]]),
      dtype: 'float32',
    });
    const { rope_theta, rope_scaling, rope_parameters } = JSON.parse(made.config) as Record<string, unknown>;
    return { rope_theta, rope_scaling, rope_parameters };
  };
  const yarn = { rope_type: 'yarn', factor: 4 };
  const plain = { rope_type: 'default' };
  // The theta within the parameters counts before the one beside them.
  t.deepEqual(await ropeOf({ rope_theta: 50, rope_parameters: { ...yarn, rope_theta: 70 } }), {
    rope_theta: 70,
    rope_scaling: yarn,
    rope_parameters: { ...yarn, rope_theta: 70 },
  });
  t.deepEqual(await ropeOf({ rope_theta: 50, rope_parameters: yarn }), {
    rope_theta: 50,
    rope_scaling: yarn,
    rope_parameters: yarn,
  });
  t.deepEqual(await ropeOf({ rope_scaling: {}, rope_parameters: { ...plain, rope_theta: 70 } }), {
    rope_theta: 70,
    rope_scaling: null,
    rope_parameters: { ...plain, rope_theta: 70 },
  });
  t.deepEqual(await ropeOf({ rope_parameters: { type: 'yarn', factor: 4 } }), {
    rope_theta: undefined,
    rope_scaling: { type: 'yarn', factor: 4 },
    rope_parameters: { type: 'yarn', factor: 4 },
  });
  // Where rope_scaling stands beside rope_parameters, these do not count.
  t.deepEqual(await ropeOf({ rope_theta: 50, rope_scaling: yarn, rope_parameters: { ...plain, rope_theta: 70 } }), {
    rope_theta: 50,
    rope_scaling: yarn,
    rope_parameters: undefined,
  });
});

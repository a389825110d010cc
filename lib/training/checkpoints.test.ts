import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findFault, findLatestCheckpoint, listCheckpoints, removeLeftovers, saveCheckpoint } from './checkpoints';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { exportModel, makeConfig, choosePadTokenId } from './model_folder';
import { parseKeepingNumbers, stringifyKeepingNumbers } from '../files/exact_json';

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-checkpoints-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const ignore = () => undefined;

/** Writes what an engine would, then the state, so that both kinds of writing take part in the crashes. */
const contentOf = (step: number, files: FileSystem) => async (folder: string) => {
  writeFileSync(join(folder, 'model.safetensors'), `weights of step ${step}`.repeat(100));
  await files.writeDurably(join(folder, 'trainer_state.json'), JSON.stringify({ step }));
};

const save = (outputDir: string, step: number, files: FileSystem, totalLimit = 2, onWarning: (message: string) => void = ignore) =>
  saveCheckpoint({ outputDir, step, totalLimit, onWarning, files, write: contentOf(step, files) });

const WRITING: (keyof FileSystem)[] = ['makeFolder', 'writeDurably', 'flushFile', 'flushFolder', 'rename', 'symbolicLink', 'removeFile', 'removeFolder', 'copyDurably', 'hardLink'];

/** Dies at the k-th operation that changes or flushes something, and does nothing ever after; a write dies half done. */
function dyingAt(k: number): { files: FileSystem; calls: () => number; log: string[] } {
  let calls = 0;
  const log: string[] = [];
  const files = { ...realFileSystem } as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const name of WRITING) {
    const real = files[name]!;
    files[name] = async (...args) => {
      calls += 1;
      log.push(`${name} ${args.map((arg) => (typeof arg === 'string' ? basename(arg) : '…')).join(' ')}`);
      if (calls < k) return real(...args);
      if (calls === k && name === 'writeDurably') writeFileSync(args[0] as string, (args[1] as string).slice(0, 5));
      throw new Error(`dead at operation ${k}: ${name}`);
    };
  }
  return { files: files as unknown as FileSystem, calls: () => calls, log };
}

test('wherever a save dies, the old checkpoint or the new one is whole, and the next run can go on', async (t) => {
  const probe = temporaryFolder(t);
  for (const step of [1, 2]) await save(probe, step, realFileSystem);
  const counter = dyingAt(Infinity);
  await save(probe, 3, counter.files);
  const operations = counter.calls();
  t.true(operations > 12, `${operations} operations`);

  const newest: number[] = [];
  for (let k = 1; k <= operations; k += 1) {
    const folder = temporaryFolder(t);
    for (const step of [1, 2]) await save(folder, step, realFileSystem);
    await save(folder, 3, dyingAt(k).files).catch(ignore);
    for (const { folder: checkpoint } of await listCheckpoints(folder)) t.is(await findFault(checkpoint), undefined, `k=${k}`);
    const { latest, broken } = await findLatestCheckpoint(folder);
    t.true(latest?.step === 2 || latest?.step === 3, `k=${k}: ${latest?.step}`);
    t.deepEqual(broken, []);
    t.true(['checkpoint-2', 'checkpoint-3'].includes(readlinkSync(join(folder, 'checkpoint-last'))));
    t.is(await findFault(join(folder, 'checkpoint-last')), undefined);
    await removeLeftovers(folder);
    t.deepEqual(readdirSync(folder).filter((name) => name.startsWith('.')), []);
    if (latest?.step === 2) await save(folder, 3, realFileSystem);
    t.is((await findLatestCheckpoint(folder)).latest?.step, 3);
    newest.push(latest!.step);
  }
  t.true(newest.includes(2) && newest.includes(3));
});

test('every file and the folder are flushed before the rename that makes a checkpoint visible', async (t) => {
  const { files, log } = dyingAt(Infinity);
  const folder = temporaryFolder(t);
  await save(folder, 7, files);
  const visible = log.findIndex((line) => line.startsWith('rename .writing-checkpoint-7'));
  const before = log.slice(0, visible);
  for (const name of ['model.safetensors', 'trainer_state.json']) t.true(before.includes(`flushFile ${name}`), name);
  t.true(before.some((line) => line.startsWith('writeDurably digests.json')));
  t.regex(before.at(-1)!, /^flushFolder \.writing-checkpoint-7/);
  t.is(log[visible + 1], `flushFolder ${basename(folder)}`);
  t.deepEqual(Object.keys((JSON.parse(readFileSync(join(folder, 'checkpoint-7', 'digests.json'), 'utf8')) as { files: object }).files), ['model.safetensors', 'trainer_state.json']);
});

test('an error while saving leaves nothing behind and tells what stands', async (t) => {
  const folder = temporaryFolder(t);
  await save(folder, 1, realFileSystem);
  const full: FileSystem = { ...realFileSystem, writeDurably: () => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })) };
  await t.throwsAsync(save(folder, 2, full), { message: /checkpoint-2 could not be saved in .*ENOSPC.*disk is full.*checkpoint-1 stands as it was/ });
  t.deepEqual(readdirSync(folder).sort(), ['checkpoint-1', 'checkpoint-last']);
  const unflushed: FileSystem = { ...realFileSystem, flushFolder: (path) => (path === folder ? Promise.reject(new Error('EIO')) : realFileSystem.flushFolder(path)) };
  await t.throwsAsync(save(folder, 2, unflushed), { message: /EIO/ });
  t.is((await findLatestCheckpoint(folder)).latest?.step, 1);
  t.is((await save(folder, 2, realFileSystem)).step, 2);
  await t.throwsAsync(save(folder, 2, realFileSystem), { message: /something of that name already/ });
});

test('old checkpoints go only after the new one stands; a limit of zero keeps all', async (t) => {
  const folder = temporaryFolder(t);
  const { files, log } = dyingAt(Infinity);
  for (const step of [5, 10, 20]) await save(folder, step, files, 1);
  t.deepEqual((await listCheckpoints(folder)).map(({ step }) => step), [20]);
  const visible = log.findIndex((line) => line.startsWith('rename .writing-checkpoint-20'));
  t.true(log.findIndex((line) => line.startsWith('rename checkpoint-10 .deleting')) > visible);
  for (const step of [30, 40]) await save(folder, step, files, 0);
  t.deepEqual((await listCheckpoints(folder)).map(({ step }) => step), [20, 30, 40]);
});

test('a fault is named: a file missing, cut or changed, and digests missing', async (t) => {
  const folder = temporaryFolder(t);
  for (const step of [1, 2, 3, 4, 5]) await save(folder, step, realFileSystem, 0);
  const file = (step: number, name: string) => join(folder, `checkpoint-${step}`, name);
  rmSync(file(2, 'trainer_state.json'));
  writeFileSync(file(3, 'model.safetensors'), 'short');
  const changed = readFileSync(file(4, 'model.safetensors'));
  changed[10]! ^= 1;
  writeFileSync(file(4, 'model.safetensors'), changed);
  rmSync(file(5, 'digests.json'));
  const { latest, broken } = await findLatestCheckpoint(folder);
  t.is(latest?.step, 1);
  t.deepEqual(broken.map(({ step }) => step), [5, 4, 3, 2]);
  for (const [i, pattern] of [/digests\.json is missing/, /model\.safetensors does not have the SHA-256/, /model\.safetensors has 5 bytes/, /trainer_state\.json is missing/].entries()) {
    t.regex(broken[i]!.fault, pattern);
  }
});

test('a checkpoint-last that is a folder is left alone, with a warning', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'checkpoint-last'));
  const warnings: string[] = [];
  await save(folder, 1, realFileSystem, 2, (message) => warnings.push(message));
  t.regex(warnings[0]!, /checkpoint-1 is saved, but the link checkpoint-last could not be set: .*is a folder of an earlier run/);
});

test('an export that dies leaves the checkpoint whole and no mixture of models', async (t) => {
  const make = async () => {
    const folder = temporaryFolder(t);
    const old = join(folder, 'out');
    mkdirSync(old);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'cheems.json', 'merges.txt']) writeFileSync(join(old, name), `old ${name}`);
    const checkpoint = join(old, 'checkpoint-1');
    mkdirSync(checkpoint);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'cheems.json']) writeFileSync(join(checkpoint, name), `new ${name}`);
    return { old, checkpoint };
  };
  const { old, checkpoint } = await make();
  const counter = dyingAt(Infinity);
  await exportModel(checkpoint, old, counter.files);
  t.false(readdirSync(old).includes('merges.txt'));
  t.deepEqual(readdirSync(old).filter((name) => name.startsWith('.')), []);
  await exportModel(checkpoint, old, realFileSystem);  // a second time, over links to the same files
  t.deepEqual(readdirSync(old).filter((name) => name.startsWith('.')), []);
  for (let k = 1; k <= counter.calls(); k += 1) {
    const { old: folder, checkpoint: source } = await make();
    await exportModel(source, folder, dyingAt(k).files).catch(ignore);
    const names = readdirSync(folder);
    const kinds = new Set(names.filter((name) => !name.startsWith('.') && name !== 'checkpoint-1').map((name) => readFileSync(join(folder, name), 'utf8').split(' ')[0]));
    t.false(names.includes('config.json') && kinds.size > 1, `k=${k}: ${[...kinds].join()}`);
    for (const name of readdirSync(source)) t.is(readFileSync(join(source, name), 'utf8'), `new ${name}`);
  }
});

test('where links cannot be made the export copies', async (t) => {
  const folder = temporaryFolder(t);
  const checkpoint = join(folder, 'checkpoint-1');
  mkdirSync(checkpoint);
  for (const name of ['config.json', 'model.safetensors']) writeFileSync(join(checkpoint, name), name);
  await exportModel(checkpoint, folder, { ...realFileSystem, hardLink: () => Promise.reject(new Error('EPERM')) });
  t.is(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'model.safetensors');
});

test('the padding id is never one that ends a sample or a sequence', (t) => {
  const choose = (pad: number | undefined, configPad: number | undefined, others: number[], avoid: number[], ends: number[] = []) =>
    choosePadTokenId({ pad, others }, configPad, new Set(avoid), new Set(ends), 10);
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
  const source = '{"architectures": ["Qwen2ForCausalLM"], "auto_map": {"AutoModel": "x.py"}, "rms_norm_eps": 1e-06, "attention_dropout": 0.0, "rope_theta": 1000000.0, "eos_token_id": 2, "name": "a \\"1.0\\" b", "big": 12345678901234567890}';
  writeFileSync(join(folder, 'config.json'), source);
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ pad_token: '<pad>', unk_token: { content: '<unk>' } }));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ added_tokens: [{ id: 1, content: '<pad>', special: true }, { id: 4, content: '<unk>', special: true }, { id: 2, content: '<end>', special: true }] }));
  const request = { baseFolder: folder, classPrefix: 'Qwen2', vocabSize: 10, dtype: 'bfloat16' as const };
  const { config, padTokenId, newPadToken } = await makeConfig({ ...request, lastTokens: new Map([[2, 100]]) });
  t.is(padTokenId, 1);
  t.is(newPadToken, undefined);
  const other = await makeConfig({ ...request, lastTokens: new Map([[2, 1], [1, 1]]) });
  t.is(other.padTokenId, 4);
  t.is(other.newPadToken, '<unk>');
  for (const text of ['"rms_norm_eps": 1e-06', '"attention_dropout": 0.0', '"rope_theta": 1000000.0', '"big": 12345678901234567890', '"name": "a \\"1.0\\" b"', '"pad_token_id": 1', '"dtype": "bfloat16"', '"torch_dtype": "bfloat16"']) t.true(config.includes(text), text);
  t.false(config.includes('auto_map'));
  t.deepEqual((JSON.parse(config) as { architectures: unknown }).architectures, ['Qwen2ForSequenceClassification']);
});

test('an InternLM2 is saved as the Llama that its class makes of what config.json leaves out', async (t) => {
  const folder = temporaryFolder(t);
  const saved = async (fields: Record<string, unknown>) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'internlm2', ...fields }));
    const made = await makeConfig({ baseFolder: folder, classPrefix: 'Llama', savedFamily: 'llama', vocabSize: 10, lastTokens: new Map([[2, 1]]), dtype: 'float32' });
    return JSON.parse(made.config) as Record<string, unknown>;
  };
  t.like(await saved({}), { model_type: 'llama', attention_bias: true, vocab_size: 10 });
  const plain = await saved({ bias: false });
  t.like(plain, { attention_bias: false });
  t.false('bias' in plain);
});

test('the rope of a saved model is the base model\'s in both spellings, of which transformers 5 takes rope_scaling', async (t) => {
  const folder = temporaryFolder(t);
  const ropeOf = async (rope: Record<string, unknown>) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'llama', ...rope }));
    const made = await makeConfig({ baseFolder: folder, classPrefix: 'Llama', vocabSize: 10, lastTokens: new Map([[2, 1]]), dtype: 'float32' });
    const { rope_theta, rope_scaling, rope_parameters } = JSON.parse(made.config) as Record<string, unknown>;
    return { rope_theta, rope_scaling, rope_parameters };
  };
  const yarn = { rope_type: 'yarn', factor: 4 };
  const plain = { rope_type: 'default' };
  // The theta within the parameters counts before the one beside them.
  t.deepEqual(await ropeOf({ rope_theta: 50, rope_parameters: { ...yarn, rope_theta: 70 } }), { rope_theta: 70, rope_scaling: yarn, rope_parameters: { ...yarn, rope_theta: 70 } });
  t.deepEqual(await ropeOf({ rope_theta: 50, rope_parameters: yarn }), { rope_theta: 50, rope_scaling: yarn, rope_parameters: yarn });
  t.deepEqual(await ropeOf({ rope_scaling: {}, rope_parameters: { ...plain, rope_theta: 70 } }), { rope_theta: 70, rope_scaling: null, rope_parameters: { ...plain, rope_theta: 70 } });
  t.deepEqual(await ropeOf({ rope_parameters: { type: 'yarn', factor: 4 } }), { rope_theta: undefined, rope_scaling: { type: 'yarn', factor: 4 }, rope_parameters: { type: 'yarn', factor: 4 } });
  // Where rope_scaling stands beside rope_parameters, these do not count.
  t.deepEqual(await ropeOf({ rope_theta: 50, rope_scaling: yarn, rope_parameters: { ...plain, rope_theta: 70 } }), { rope_theta: 50, rope_scaling: yarn, rope_parameters: undefined });
});

test('numbers survive reading and writing to the letter', (t) => {
  const text = '{\n  "a": [\n    -0.0,\n    1E+5,\n    0\n  ],\n  "b\\\\\\"": "1.0"\n}\n';
  t.is(stringifyKeepingNumbers(parseKeepingNumbers(text)), text);
});

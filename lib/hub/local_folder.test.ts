import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { localModelFolder } from './fetch_model';
import { neededFiles } from './needed_files';

/** A folder of these files. */
function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'forms-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const ADAPTER = JSON.stringify({
  peft_type: 'LORA',
  task_type: 'SEQ_CLS',
  base_model_name_or_path: 'Qwen/Qwen2.5-0.5B',
});

test('a GGUF file, by its name or its first bytes, and a folder of them are told as what they are', async (t) => {
  const folder = folderOf({
    'b.Q4_1.gguf': 'GGUF',
    'a.Q8_0.gguf': 'GGUF',
    model: 'GGUF and more',
    short: 'GG',
    'config.json': '{}',
  });
  for (const path of [join(folder, 'b.Q4_1.gguf'), join(folder, 'model'), folder]) {
    const error = await t.throwsAsync(localModelFolder(path), {
      name: 'HubError',
      message: /is a GGUF file: .*llama\.cpp.*original Hugging Face repository.*gguf_file=NAME/,
    });
    t.true(error.message.startsWith(path === folder ? join(folder, 'a.Q8_0.gguf') : path));
  }
  await t.throwsAsync(localModelFolder(join(folder, 'short')), {
    name: 'HubError',
    message:
      `${join(folder, 'short')} is a file, and a model is a folder with config.json and weights: give the folder ` +
      `that it is in, ${folder}.`,
  });
  const whole = folderOf({ 'model.safetensors': '', 'a.gguf': 'GGUF', 'adapter_config.json': ADAPTER });
  t.is(await localModelFolder(whole), whole, 'the weights beside them are what counts');
  t.is(await localModelFolder(join(folder, 'nowhere', 'at', 'all')), join(folder, 'nowhere', 'at', 'all'));
});

test('an adapter is told with its base model, and how to merge it', async (t) => {
  const reward = folderOf({ 'adapter_config.json': ADAPTER, 'adapter_model.safetensors': '', 'tokenizer.json': '{}' });
  await t.throwsAsync(localModelFolder(reward), {
    message:
      /is a LoRA \(PEFT\) adapter of the base model Qwen\/Qwen2\.5-0\.5B, .*not supported yet.* AutoPeftModelForSequenceClassification\.from_pretrained\(ADAPTER, num_labels=1\)\.merge_and_unload\(\)\.save_pretrained\(OUT\), .*files of the adapter/,
  });
  const language = folderOf({ 'adapter_config.json': ADAPTER.replace('SEQ_CLS', 'CAUSAL_LM'), 'config.json': '{}' });
  await t.throwsAsync(localModelFolder(language), {
    message: / AutoPeftModelForCausalLM\.from_pretrained\(ADAPTER\)\.merge.* of the base model into OUT/,
  });
  const broken = folderOf({ 'adapter_config.json': '{' });
  mkdirSync(join(broken, 'checkpoint-1'));
  await t.throwsAsync(localModelFolder(broken), {
    message: /adapter whose base model stands in its adapter_config\.json, .*num_labels=1\) \(of a language model/,
  });
});

test("an adapter's file is told as its folder is, and kinds that no weights can hold as what they are", async (t) => {
  const folder = folderOf({ 'adapter_config.json': ADAPTER, 'adapter_model.safetensors': '' });
  await t.throwsAsync(localModelFolder(join(folder, 'adapter_config.json')), {
    message: /is a LoRA \(PEFT\) adapter of the base model Qwen/,
  });
  const tuned = folderOf({ 'adapter_config.json': ADAPTER.replace('LORA', 'PROMPT_TUNING') });
  await t.throwsAsync(localModelFolder(tuned), { message: /PEFT adapter \(PROMPT_TUNING\) of .*cannot be merged/ });
  const scaled = folderOf({ 'adapter_config.json': ADAPTER.replace('LORA', 'IA3') });
  await t.throwsAsync(localModelFolder(scaled), { message: /is a PEFT adapter \(IA3\) of .*merge_and_unload/ });
});

test("shards of DeepSpeed and FSDP, and other programs' weights, are named with what makes a folder of them", async (t) => {
  const forms: [Record<string, string>, RegExp][] = [
    [
      { 'zero_to_fp32.py': '', latest: 'global_step10' },
      /checkpoint of DeepSpeed .*python \S+zero_to_fp32\.py \S+ OUT --safe_serialization/,
    ],
    [{ 'mp_rank_00_model_states.pt': '' }, /checkpoint of DeepSpeed .*\(mp_rank_00_model_states\.pt\)/],
    [{ '__0_0.distcp': '', '.metadata': '' }, /checkpoint of FSDP .*accelerate merge-weights \S+ OUT/],
    [{ 'consolidated.00.pth': '', 'params.json': '{}' }, /Meta's own programs \(consolidated\.00\.pth\)/],
    [{ 'flax_model.msgpack': '' }, /weights of Flax/],
    [{ 'tf_model.h5': '' }, /weights of TensorFlow/],
    [{ 'model.onnx': '' }, /a model for ONNX/],
    [{ 'last.ckpt': '' }, /a checkpoint of Lightning \(last\.ckpt\)/],
  ];
  for (const [files, message] of forms)
    await t.throwsAsync(localModelFolder(folderOf({ ...files, 'config.json': '{}' })), { name: 'HubError', message });
  for (const [name, message] of [
    ['global_step500', /checkpoint of DeepSpeed .*\(global_step500\)/],
    ['pytorch_model_fsdp_0', /accelerate merge-weights \S+pytorch_model_fsdp_0 OUT/],
  ] as const) {
    const folder = folderOf({ 'config.json': '{}' });
    mkdirSync(join(folder, name));
    await t.throwsAsync(localModelFolder(folder), { message });
  }
  const whole = folderOf({ 'zero_to_fp32.py': '', 'model.safetensors': '' });
  t.is(await localModelFolder(whole), whole, 'weights that were gathered are what counts');
});

test('a folder that only holds folders with weights names the newest', async (t) => {
  const folder = folderOf({ 'trainer_state.json': '{}' });
  for (const name of ['checkpoint-500', 'checkpoint-1000', 'runs']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'checkpoint-500', 'model.safetensors'), '');
  await t.throwsAsync(localModelFolder(folder), {
    message: `${folder} has no weights itself, but checkpoint-500 in it has: give ${join(folder, 'checkpoint-500')}.`,
  });
  writeFileSync(join(folder, 'checkpoint-1000', 'pytorch_model.bin'), '');
  await t.throwsAsync(localModelFolder(folder), {
    message: /but checkpoint-1000 in it has \(2 folders in it have some\): give .*checkpoint-1000\.$/,
  });
  const empty = folderOf({ 'config.json': '{}' });
  t.is(await localModelFolder(empty), empty, 'of anything else the engine tells');
});

test('repositories of the hub are told apart in the same way', (t) => {
  t.throws(() => neededFiles(['README.md', 'm.gguf'], 'owner/name'), {
    message: /^m\.gguf of owner\/name is a GGUF file/,
  });
  t.throws(() => neededFiles(['adapter_config.json', 'adapter_model.safetensors'], 'owner/name'), {
    message: /^owner\/name is a LoRA/,
  });
});

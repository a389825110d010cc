import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { localModelFolder } from './index';
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
    t.true(error!.message.startsWith(path === folder ? join(folder, 'a.Q8_0.gguf') : path));
  }
  t.is(await localModelFolder(join(folder, 'short')), join(folder, 'short'), 'of other files the engine tells');
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

test('repositories of the hub are told apart in the same way', (t) => {
  t.throws(() => neededFiles(['README.md', 'm.gguf'], 'owner/name'), {
    message: /^m\.gguf of owner\/name is a GGUF file/,
  });
  t.throws(() => neededFiles(['adapter_config.json', 'adapter_model.safetensors'], 'owner/name'), {
    message: /^owner\/name is a LoRA/,
  });
});

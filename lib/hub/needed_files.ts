// Which files of a model repository are needed: configuration, tokenizer and the weights as safetensors.

import { HubError } from './errors';

export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

const SMALL_FILES = new Set([
  'config.json',
  'generation_config.json',
  'cheems.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'tokenizer.model',
  'spiece.model',
  'spm.model',
  'sentencepiece.bpe.model',
]);
/** Heads that some trainers store beside the backbone. */
const HEAD_FILES = new Set(['value_head.safetensors']);

/** Configuration, tokenizer, heads, and the weights' index or their only file. As the engine does, the single file is preferred. */
export function neededFiles(paths: readonly string[], name: string): string[] {
  const weights = [SINGLE_FILE, INDEX_FILE].find((file) => paths.includes(file));
  if (!paths.includes('config.json')) throw new HubError(`${name} has no config.json: it is no model that transformers would load.`);
  if (weights === undefined) {
    const others = paths.filter((path) => /\.(safetensors|bin|gguf|pt|pth|msgpack|h5)$/.test(path));
    const found = others.length === 0 ? 'no weights at all' : `only ${others.slice(0, 3).join(', ')}`;
    throw new HubError(
      `${name} has no ${SINGLE_FILE} and no ${INDEX_FILE} (${found}). Other forms are not fetched; save the model as safetensors ` +
        `first (save_pretrained in transformers does), and give the folder.`,
    );
  }
  return [...paths.filter((path) => SMALL_FILES.has(path) || HEAD_FILES.has(path)), weights];
}

/** The files that an index names. @throws HubError where it is not an index. */
export function shardsOf(index: string, name: string): string[] {
  let map: unknown;
  try {
    map = (JSON.parse(index) as { weight_map?: unknown }).weight_map;
  } catch (error) {
    throw new HubError(`${INDEX_FILE} of ${name} is not valid JSON (${(error as Error).message}).`);
  }
  const files = typeof map === 'object' && map !== null ? Object.values(map) : [];
  if (files.length === 0 || !files.every((file) => typeof file === 'string' && /^[\w.-]+$/.test(file) && !file.startsWith('.'))) {
    throw new HubError(`${INDEX_FILE} of ${name} has no "weight_map" of tensor names to files.`);
  }
  return [...new Set(files as string[])];
}

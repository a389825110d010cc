// Which files of a model repository are needed: configuration, tokenizer, weights and their companions.

import {
  ADAPTER_CONFIG_FILE,
  CONFIG_FILE,
  isHead,
  SMALL_MODEL_FILES,
  TOKENIZER_FILE,
  VALUE_HEAD_FILES,
  WEIGHTS_FILES,
} from '../model_folder/files';
import { HubError } from './errors';
import { adapterSentence, ggufSentence } from './foreign_forms';

export const isWeights = (path: string): boolean => /\.(safetensors|bin|pt)$/.test(path);

function headFiles(paths: readonly string[]): string[] {
  const [first, second] = VALUE_HEAD_FILES;
  return paths.filter((path) => isHead(path) && !(path === second && paths.includes(first)));
}

/**
 * Configuration, tokenizer, heads, and the weights' index or single file; if there are several forms of the weights,
 * the one that the engine reads.
 */
export function neededFiles(paths: readonly string[], name: string): string[] {
  const weights = WEIGHTS_FILES.find((file) => paths.includes(file));
  if (weights === undefined) refuseForeignFiles(paths, name);
  if (!paths.includes(CONFIG_FILE))
    throw new HubError(`${name} has no config.json: it is no model that transformers would load.`);
  if (weights === undefined) {
    const others = paths.filter((path) => /\.(safetensors|bin|gguf|pt|pth|msgpack|h5)$/.test(path));
    const found = others.length === 0 ? 'no weights at all' : `only ${others.slice(0, 3).join(', ')}`;
    throw new HubError(
      `${name} has no model.safetensors and no pytorch_model.bin, nor the index of either (${found}). Other ` +
        'forms are not fetched; save the ' +
        `model as safetensors first (save_pretrained in transformers does), and give the folder.`,
    );
  }
  return [...paths.filter((path) => SMALL_MODEL_FILES.has(path)), ...headFiles(paths), weights];
}

function refuseForeignFiles(paths: readonly string[], name: string): void {
  if (paths.includes(ADAPTER_CONFIG_FILE))
    throw new HubError(adapterSentence(name, { hasTokenizer: paths.includes(TOKENIZER_FILE) }));
  const gguf = paths.find((path) => path.endsWith('.gguf'));
  if (gguf !== undefined) throw new HubError(ggufSentence(`${gguf} of ${name}`));
}

/** The files that an index names. @throws HubError if it is not an index. `file`: the index, for messages. */
export function shardsOf(index: string, file: string, name: string): string[] {
  let map: unknown;
  try {
    map = (JSON.parse(index) as { weight_map?: unknown }).weight_map;
  } catch (error) {
    throw new HubError(`${file} of ${name} is not valid JSON (${(error as Error).message}).`);
  }
  const files = typeof map === 'object' && map !== null ? Object.values(map) : [];
  if (
    files.length === 0 ||
    !files.every((shard) => typeof shard === 'string' && /^[\w.-]+$/.test(shard) && !shard.startsWith('.'))
  ) {
    throw new HubError(`${file} of ${name} has no "weight_map" of tensor names to files.`);
  }
  return [...new Set(files as string[])];
}

// A model that is named by its path: formats other than a folder of weights are recognized before config.json is read.

import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseModelJson } from '../model_folder/json';
import { HubError } from './errors';
import { adapterSentence, ggufSentence, shardsSentence, type AdapterFacts } from './foreign_forms';
import { ADAPTER_CONFIG_FILE, CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILES } from '../model_folder/files';

/**
 * @throws HubError for a file, or a folder without weights that holds a known other format: GGUF files, a PEFT adapter,
 * the shards of DeepSpeed or FSDP, another program's weights, folders of checkpoints. The engine reports any other
 * problem.
 */
export async function refuseForeignForms(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) await refuseFile(path);
  if (!found?.isDirectory()) return;
  const names = await namesIn(path);
  if (hasWeights(names)) return;
  if (names.includes(ADAPTER_CONFIG_FILE)) throw new HubError(adapterSentence(path, await adapterFacts(path, names)));
  const gguf = names.filter((name) => name.endsWith('.gguf')).sort()[0];
  if (gguf !== undefined) throw new HubError(ggufSentence(join(path, gguf)));
  const other = shardsSentence(path, names) ?? (await checkpointsSentence(path, names));
  if (other !== undefined) throw new HubError(other);
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch((): string[] => []);
const hasWeights = (names: readonly string[]): boolean => WEIGHTS_FILES.some((name) => names.includes(name));

async function refuseFile(path: string): Promise<never> {
  if (await isGguf(path)) throw new HubError(ggufSentence(path));
  const folder = dirname(path);
  const names = await namesIn(folder);
  if (basename(path) === ADAPTER_CONFIG_FILE) await refuseForeignForms(folder);
  const hint = names.includes(CONFIG_FILE)
    ? `: give the folder that it is in, ${folder}`
    : ', and there is no config.json beside it';
  throw new HubError(`${path} is a file, and a model is a folder with config.json and weights${hint}.`);
}

/** If subfolders hold what this one lacks, as trainers leave them (checkpoint-500): the newest by its number. */
async function checkpointsSentence(folder: string, names: readonly string[]): Promise<string | undefined> {
  const inside: string[] = [];
  for (const name of names.slice(0, MOST_FOLDERS)) {
    const own = await namesIn(join(folder, name));
    if (hasWeights(own) || own.includes(ADAPTER_CONFIG_FILE)) inside.push(name);
  }
  const number = (name: string): number => Number(/\d+(?=\D*$)/.exec(name)?.[0] ?? -1);
  const newest = inside.sort((a, b) => number(b) - number(a) || (a < b ? -1 : 1))[0];
  if (newest === undefined) return undefined;
  const others = inside.length === 1 ? '' : ` (${inside.length} folders in it have some)`;
  return `${folder} has no weights itself, but ${newest} in it has${others}: give ${join(folder, newest)}.`;
}

/** A folder with thousands of entries is not a trainer's. */
const MOST_FOLDERS = 1000;

async function isGguf(file: string): Promise<boolean> {
  if (file.endsWith('.gguf')) return true;
  const handle = await open(file).catch(() => undefined);
  try {
    return (await handle?.read(Buffer.alloc(4), 0, 4, 0))?.buffer.toString('latin1') === 'GGUF';
  } finally {
    await handle?.close();
  }
}

async function adapterFacts(folder: string, names: readonly string[]): Promise<AdapterFacts> {
  const hasTokenizer = names.includes(TOKENIZER_FILE);
  try {
    const config = parseModelJson(await readFile(join(folder, ADAPTER_CONFIG_FILE), 'utf8')) as Record<string, unknown>;
    const { base_model_name_or_path: base, task_type: task, peft_type: kind } = config;
    return { base: textOr(base), task: textOr(task), kind: textOr(kind), hasTokenizer };
  } catch {
    return { hasTokenizer }; // the sentence is true without the rest
  }
}

const textOr = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

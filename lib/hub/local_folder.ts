// A model that is named by its path: other forms than a folder of weights are told apart before config.json is looked
// for.

import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from './errors';
import { adapterSentence, ggufSentence, type AdapterFacts } from './foreign_forms';
import { WEIGHTS_FILES } from './needed_files';

/**
 * @throws HubError for a GGUF file, or a folder of such files or of a PEFT adapter alone. What else is wrong, the
 * engine tells.
 */
export async function refuseForeignForms(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() && (await isGguf(path))) throw new HubError(ggufSentence(path));
  if (!found?.isDirectory()) return;
  const names = await readdir(path).catch((): string[] => []);
  if (WEIGHTS_FILES.some((name) => names.includes(name))) return;
  if (names.includes('adapter_config.json')) throw new HubError(adapterSentence(path, await adapterFacts(path, names)));
  const gguf = names.filter((name) => name.endsWith('.gguf')).sort()[0];
  if (gguf !== undefined) throw new HubError(ggufSentence(join(path, gguf)));
}

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
  const hasTokenizer = names.includes('tokenizer.json');
  try {
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    const { base_model_name_or_path: base, task_type: task } = config;
    return { base: textOr(base), task: textOr(task), hasTokenizer };
  } catch {
    return { hasTokenizer }; // the sentence is true without the rest
  }
}

const textOr = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

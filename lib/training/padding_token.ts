// The embedding row that transformers does not train: nn.Embedding(…, padding_idx=config.pad_token_id) leaves that row
// without a gradient, even if the token occurs in every sample (an end-of-turn token that is also the padding). The
// original runs on transformers and has the same rule.
import { join } from 'node:path';
import type { FileSystem } from '../files/file_system';
import { TrainingError } from './errors';
import { CONFIG_FILE } from '../model_folder/files';
import { parseModelJson } from '../model_folder/json';

/** What transformers' configuration class uses if config.json has no pad_token_id; the other families: none. */
const DEFAULTS: Record<string, number | 'unknown'> = { gemma: 0, gemma2: 0, internlm2: 'unknown' };

/**
 * The token, or null if config.json names none. A negative id counts from the end of the vocabulary, as in PyTorch.
 * @throws TrainingError if transformers would not load the folder, or if its own code decides.
 */
export async function readPaddingToken(
  folder: string,
  { family, vocabSize }: { family: string; vocabSize: number },
  files: FileSystem,
): Promise<number | null> {
  const file = join(folder, CONFIG_FILE);
  const { pad_token_id: given } = parseModelJson(await files.readText(file)) as { pad_token_id?: unknown };
  const id = given === undefined ? (DEFAULTS[family] ?? null) : given;
  if (id === null) return null;
  if (id === 'unknown') {
    throw new TrainingError(
      `${file} has no pad_token_id, and copies of ${family}'s own code differ in what they take for it. compat ` +
        'needs it: ' +
        'write the id there, or null for none.',
    );
  }
  if (!Number.isInteger(id) || (id as number) >= vocabSize || (id as number) < -vocabSize) {
    throw new TrainingError(
      `pad_token_id in ${file} is ${JSON.stringify(id)}, with which transformers loads no model of ${vocabSize} ` +
        'tokens, ' +
        'so that compat cannot follow it. Correct it, or leave compat out.',
    );
  }
  return (id as number) < 0 ? vocabSize + (id as number) : (id as number);
}

// What makes a folder a reward model: config.json as transformers writes it for one label, the weights, the
// tokenizer's files, and cheems.json with the choices that eval and score must repeat.

import { join } from 'node:path';
import type { EngineModel } from '../engine/types';
import type { Precision } from '../engine/types.generated';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { factsText, type RewardModelFacts } from './facts';
import { CONFIG_FILE, FACTS_FILE, TOKENIZER_FILES, WEIGHTS_FILE } from './files';

/** New texts of the tokenizer's files that differ from the base model's; null: the file is not written. */
export type TokenizerChanges = ReadonlyMap<string, string | null>;

export interface ModelFolderPlan {
  /** The base model's folder, where the tokenizer's files and the rest of config.json come from. */
  baseFolder: string;
  /** Text of the finished config.json. */
  config: string;
  facts: RewardModelFacts;
  /** The tokenizer's files that differ from the base model's. */
  tokenizerChanges: TokenizerChanges;
  /** Python files of the base model's class, which config.json still names. */
  classFiles: readonly string[];
}

/** Writes the tokenizer's files into an existing folder. */
export async function writeTokenizerFiles(
  folder: string,
  baseFolder: string,
  changes: TokenizerChanges,
  files: FileSystem,
): Promise<void> {
  for (const name of TOKENIZER_FILES) {
    const changed = changes.get(name);
    const [source, target] = [join(baseFolder, name), join(folder, name)];
    if (changed === null) continue;
    if (changed !== undefined) await files.writeDurably(target, changed);
    // follows links, as download caches have them
    else if ((await files.kindOf(source)) !== undefined) await files.copyDurably(source, target);
  }
}

/**
 * Writes everything except the weights into an existing folder. config.json comes last: without it, a folder is not a
 * model.
 */
async function writeDescription(
  folder: string,
  plan: ModelFolderPlan,
  files: FileSystem = realFileSystem,
): Promise<void> {
  await writeTokenizerFiles(folder, plan.baseFolder, plan.tokenizerChanges, files);
  for (const name of plan.classFiles) await files.copyDurably(join(plan.baseFolder, name), join(folder, name));
  await files.writeDurably(join(folder, FACTS_FILE), factsText(plan.facts));
  await files.writeDurably(join(folder, CONFIG_FILE), plan.config);
}

/**
 * Writes a whole model folder into an existing folder. Weights that are trained rounded to bfloat16 are saved in
 * bfloat16; others in the dtype that they have in memory, which is bfloat16 for the matrices of a bfloat16 optimizer
 * state.
 */
export async function writeModelFolder(
  folder: string,
  plan: ModelFolderPlan,
  model: Pick<EngineModel, 'saveWeights'>,
  dtype: Precision,
  files: FileSystem = realFileSystem,
): Promise<void> {
  await model.saveWeights(join(folder, WEIGHTS_FILE), dtype === 'bfloat16' ? dtype : 'held');
  await writeDescription(folder, plan, files);
}

const MODEL_FILES = [WEIGHTS_FILE, ...TOKENIZER_FILES, FACTS_FILE, CONFIG_FILE];

/**
 * Makes `outputDir` itself the model of a checkpoint, by hard links if the file system has them, else by copies. Each
 * file appears by a rename. config.json is removed first and written last, so that a kill in between leaves a folder
 * that is not a model rather than a mixture of two. The checkpoint is not changed.
 */
export async function exportModel(
  checkpoint: string,
  outputDir: string,
  files: FileSystem = realFileSystem,
): Promise<void> {
  if (await files.kindOf(join(outputDir, CONFIG_FILE))) await files.removeFile(join(outputDir, CONFIG_FILE));
  await files.flushFolder(outputDir);
  const classFiles = (await files.list(checkpoint)).filter((name) => name.endsWith('.py'));
  for (const name of [...classFiles, ...MODEL_FILES]) {
    const source = join(checkpoint, name);
    const target = join(outputDir, name);
    if (!(await files.kindOf(source))) {
      if (await files.kindOf(target)) await files.removeFile(target); // of an earlier run's tokenizer
      continue;
    }
    const temporary = join(outputDir, `.writing-${name}-${process.pid}`);
    await files.removeFolder(temporary);
    await files.hardLink(source, temporary).catch(() => files.copyDurably(source, temporary));
    // rename() does nothing if both names already link to the same file, and would leave the temporary name.
    await files.rename(temporary, target);
    await files.removeFolder(temporary);
    if (name === FACTS_FILE) await files.flushFolder(outputDir);
  }
  await files.flushFolder(outputDir);
}

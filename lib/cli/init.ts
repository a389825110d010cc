// `cheems-native init`: a model folder with seeded random weights, which appears complete or not at all.

import { randomBytes } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { engine } from '../engine/engine';
import { checkOutputFolder, checkSpace } from '../files/output_checks';
import { realFileSystem as files } from '../files/file_system';
import {
  CONFIG_FILE,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
  TOKENIZER_FILES,
  WEIGHTS_FILE,
} from '../model_folder/files';
import { choice, flag, number, optionalNumber, requiredText, text } from '../options/kinds';
import { defineCommand } from './command';
import { Interrupted, UsageError } from './failure';
import { ARCHITECTURES, makeInitConfig, type SpecialIds } from './init_config';
import { withInterrupts } from './interrupt';
import type { OptionValues } from './options';
import { print } from './terminal';
import { unlessAborted } from '../support/abort';

const SIZES = 'Sizes';
const OTHER = 'Options';
const size = { from: 1, integer: true };

const options = {
  architecture: choice(ARCHITECTURES, 'qwen2', { group: SIZES, describe: 'model family' }),
  hidden_size: number(128, size, { group: SIZES, describe: 'width of the model' }),
  num_hidden_layers: number(2, size, { group: SIZES, describe: 'number of decoder layers' }),
  num_attention_heads: optionalNumber(size, {
    group: SIZES,
    describe: 'number of query heads [default: hidden_size / 64]',
  }),
  num_key_value_heads: optionalNumber(size, {
    group: SIZES,
    describe: 'number of key/value heads [default: num_attention_heads]',
  }),
  intermediate_size: optionalNumber(size, { group: SIZES, describe: 'width of the MLP [default: 3 x hidden_size]' }),
  head_dim: optionalNumber(size, {
    group: SIZES,
    describe: 'size of a head [default: hidden_size / num_attention_heads]',
  }),
  vocab_size: optionalNumber(size, {
    group: SIZES,
    describe: "number of token ids [default: the tokenizer's, added tokens included]",
  }),
  max_position_embeddings: number(32768, size, {
    group: SIZES,
    describe: 'the longest sample that the model supports, in tokens',
  }),
  rope_theta: optionalNumber(
    { above: 0 },
    { group: SIZES, describe: "base of the rotary embedding [default: the family's]" },
  ),
  tie_word_embeddings: flag(false, { group: SIZES, describe: 'use the embedding as the language model head' }),
  rms_norm_eps: optionalNumber(
    { above: 0 },
    { group: SIZES, describe: "epsilon of the norms [default: the family's]" },
  ),
  sliding_window: optionalNumber(size, {
    group: SIZES,
    describe: 'tokens that each token attends to, itself included [default: all]',
  }),
  initializer_range: number(0.02, { above: 0 }, { group: OTHER, describe: 'standard deviation of the weights' }),
  seed: number(
    0,
    { from: 0, to: 0xffffffff, integer: true },
    { group: OTHER, describe: 'seed of the weights: the same seed gives the same weights' },
  ),
  tokenizer: text({
    group: OTHER,
    describe:
      'folder with tokenizer.json and tokenizer_config.json, copied into the model folder; without it, samples ' +
      'must be given as input_ids',
  }),
  output_dir: requiredText({ group: OTHER, describe: 'the model folder to create' }),
  overwrite: flag(false, { group: OTHER, describe: 'replace the folder if it exists' }),
};

/** Weights are written in float32. */
const BYTES_PER_PARAMETER = 4;

export const initCommand = defineCommand({
  name: 'init',
  options,
  examples: [
    [
      'init --architecture qwen2 --hidden_size 256 --num_hidden_layers 4 --tokenizer models/Qwen2.5-0.5B ' +
        '--output_dir models/tiny',
      'a small Qwen2 with the tokenizer of another folder',
    ],
    [
      'init --architecture llama --hidden-size 64 --vocab-size 1000 --output-dir models/ids-only',
      'no tokenizer: for data with input_ids',
    ],
  ],
  run: async (values) => {
    try {
      await withInterrupts('Stopping; no folder is left behind.', (signal) => makeModel(values, signal));
    } catch (error) {
      // The engine writes to a file that no longer exists, and the process would wait for it.
      if (error instanceof Interrupted) process.kill(process.pid, error.signal);
      throw error;
    }
  },
});

async function makeModel(values: OptionValues<typeof options>, signal: AbortSignal): Promise<void> {
  const outputDir = resolve(values.output_dir);
  await refuseExisting(outputDir, values.overwrite);
  if (values.tokenizer !== undefined) await refuseOwnTokenizer(values.tokenizer, outputDir);
  await checkOutputFolder('--output_dir', dirname(outputDir));
  const tokenizer = values.tokenizer === undefined ? undefined : await readTokenizerFacts(values.tokenizer);
  const vocabSize = values.vocab_size ?? tokenizer?.vocabSize;
  if (vocabSize === undefined) throw new UsageError('Give --tokenizer DIR (for the vocabulary size) or --vocab_size.');
  if (tokenizer && vocabSize < tokenizer.vocabSize) {
    throw new UsageError(
      `--vocab_size ${vocabSize} is too small: the tokenizer in ${values.tokenizer} has ids up to ` +
        `${tokenizer.vocabSize - 1}.`,
    );
  }
  const config = makeInitConfig({ ...values, vocab_size: vocabSize }, tokenizer?.ids ?? {});
  await writeFolder(outputDir, values.overwrite, async (folder) => {
    if (values.tokenizer !== undefined) await copyTokenizer(values.tokenizer, folder);
    const configFile = join(folder, CONFIG_FILE);
    await files.writeDurably(configFile, `${JSON.stringify(config, null, 2)}\n`);
    const { parameters } = await engine.readArchitecture(folder);
    await checkSpace('--output_dir', folder, BYTES_PER_PARAMETER * parameters);
    await unlessAborted(engine.initialize(configFile, values.seed, join(folder, WEIGHTS_FILE)), signal);
    await files.flushFile(join(folder, WEIGHTS_FILE));
    signal.throwIfAborted();
  });
  const { parameters } = await engine.readArchitecture(outputDir);
  print(
    `${values.output_dir}: ${values.architecture}, ${parameters.toLocaleString('en')} parameters, vocabulary ` +
      `${vocabSize}, seed ${values.seed}\n`,
  );
}

async function refuseExisting(folder: string, overwrite: boolean): Promise<void> {
  const found = await files.kindOf(folder);
  if (!found || overwrite) return;
  if (found.kind === 'folder' && (await files.list(folder)).length === 0) return;
  throw new Error(`${folder} exists already; give --overwrite to replace it, or another --output_dir.`);
}

/** --overwrite removes the folder with everything in it. */
async function refuseOwnTokenizer(tokenizer: string, outputDir: string): Promise<void> {
  const [source, target] = await Promise.all(
    [tokenizer, outputDir].map((path) => realpath(path).catch(() => resolve(path))),
  );
  if (source === target || source!.startsWith(`${target}${sep}`)) {
    throw new UsageError(
      `--output_dir ${outputDir} would replace the folder of --tokenizer ${tokenizer}; give another --output_dir.`,
    );
  }
}

/**
 * Writes a temporary folder beside the final one, then renames it; a killed run leaves nothing under the final name.
 */
async function writeFolder(
  folder: string,
  overwrite: boolean,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(folder);
  await files.makeFolders(parent);
  const name = `${basename(folder)}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const temporary = join(parent, `.writing-${name}`);
  try {
    await files.makeFolder(temporary);
    await fill(temporary);
    await files.flushFolder(temporary);
    const old = join(parent, `.deleting-${name}`);
    const replaces = overwrite && (await files.kindOf(folder)) !== undefined;
    if (replaces) await files.rename(folder, old);
    await files.rename(temporary, folder);
    await files.flushFolder(parent);
    if (replaces) await files.removeFolder(old);
  } catch (error) {
    await files.removeFolder(temporary);
    throw error;
  }
}

async function copyTokenizer(source: string, target: string): Promise<void> {
  for (const name of TOKENIZER_FILES) {
    if ((await files.kindOf(join(source, name))) !== undefined)
      await files.copyDurably(join(source, name), join(target, name));
  }
}

/** The vocabulary's size, added tokens included, and the ids of the named special tokens. */
async function readTokenizerFacts(folder: string): Promise<{ vocabSize: number; ids: SpecialIds }> {
  const tokenizer = (await readJson(join(folder, TOKENIZER_FILE))) as {
    model?: { vocab?: unknown };
    added_tokens?: { id: number; content: string }[];
  };
  const config = (await readJson(join(folder, TOKENIZER_CONFIG_FILE))) as Record<string, unknown>;
  const vocab = tokenizer.model?.vocab;
  const idOf = new Map<string, number>(
    Array.isArray(vocab)
      ? vocab.map((entry, id): [string, number] => [String((entry as unknown[])[0]), id])
      : Object.entries((vocab ?? {}) as Record<string, number>),
  );
  for (const { id, content } of tokenizer.added_tokens ?? []) idOf.set(content, id);
  let last = -1;
  for (const id of idOf.values()) last = Math.max(last, id);
  if (last < 0) throw new Error(`${join(folder, TOKENIZER_FILE)} has no vocabulary.`);
  const special = (name: string): number | undefined => {
    const token = config[name];
    return idOf.get(
      String(typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token),
    );
  };
  return {
    vocabSize: last + 1,
    ids: { bos: special('bos_token'), eos: special('eos_token'), pad: special('pad_token') },
  };
}

async function readJson(file: string): Promise<unknown> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(
      `--tokenizer: ${file} cannot be read ` +
        `(${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message}).`,
    );
  }
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new Error(`--tokenizer: ${file} is not valid JSON (${(error as Error).message}).`);
  }
}

// Tokenized data sets on disk, one file for each (texts, tokenizer, template, options).
//
// A file is: "CHEEMS-SAMPLES-1
// ", the SHA-256 (32 bytes) of everything after it, then little-endian int32: number of samples, number of ids, a count
// and a length per sample, the ids; then a flag byte per sample (1: truncated, 2: BOS doubled, 4: special tokens in its
// texts).

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { exactText } from '../data/conversation/numbers';
import { packageVersion } from '../support/package_version';
import { TOKENIZER_FILES_READ } from '../model_folder/files';
import type { SampleOptions, TokenizerSource } from './sample_builder';
import type { ChunkResult, SampleJob } from './worker_messages';

const MAGIC = Buffer.from('CHEEMS-SAMPLES-1\n', 'latin1');
const DIGEST_BYTES = 32;
/**
 * Increase it if the same input gives different samples than before within one version of the package; the package's
 * version counts too.
 */
const RULES = 'samples-5';

/**
 * The file for these samples. All of their inputs determine its name: texts, tokenizer, template, options and the
 * package's version.
 */
export function cacheFile(
  folder: string,
  jobs: readonly SampleJob[],
  source: TokenizerSource,
  options: SampleOptions,
): string {
  const hash = createHash('sha256').update(`${RULES}\n${packageVersion()}\n`);
  const files = TOKENIZER_FILES_READ.map((name) => join(source.folder, name));
  for (const file of [...files, source.chatTemplateFile]) {
    const onDisk = (path: string) => (existsSync(path) ? readFileSync(path) : undefined);
    const bytes = file === undefined ? undefined : source.held ? source.held.get(file) : onDisk(file);
    hash.update(bytes ? `${bytes.length}\n` : 'none\n').update(bytes ?? '');
  }
  const {
    doStrip = true,
    maxLength = null,
    truncation = false,
    addGenerationPrompt = false,
    doubledBos = 'keep',
    rewardToken,
    specialTokensInText = 'keep',
  } = options;
  hash.update(
    JSON.stringify([
      doStrip,
      maxLength,
      truncation,
      addGenerationPrompt,
      doubledBos,
      specialTokensInText,
      ...(rewardToken === undefined ? [] : [rewardToken]),
    ]),
  );
  if (source.form === 'pair') hash.update('\npair');
  for (const { prompt, systemPrompt, content, messages, templateVariables } of jobs) {
    hash.update(
      `\n${exactText([prompt, systemPrompt ?? null, content ?? null, messages ?? null, ...(templateVariables ? [templateVariables] : [])])}`,
    );
  }
  return join(folder, `samples-${hash.digest('hex').slice(0, 40)}.bin`);
}

/** The samples of a cache file; undefined if there is none, or if it is incomplete. */
export async function readCache(file: string, samples: number): Promise<ChunkResult | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch {
    return undefined;
  }
  const head = MAGIC.length + DIGEST_BYTES;
  const body = bytes.subarray(head);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || !digest(body).equals(bytes.subarray(MAGIC.length, head)))
    return undefined;
  const numbers = body.buffer.slice(body.byteOffset, body.byteOffset + body.length); // aligned
  const [count, ids] = new Int32Array(numbers, 0, 2) as unknown as [number, number];
  if (count !== samples) return undefined;
  const flags = new Uint8Array(numbers, 4 * (2 + 2 * count + ids), count);
  return {
    counts: new Int32Array(numbers, 8, count),
    lengths: new Int32Array(numbers, 8 + 4 * count, count),
    ids: new Int32Array(numbers, 8 + 8 * count, ids),
    truncated: flags.map((flag) => flag & 1),
    bosDoubled: flags.map((flag) => (flag >> 1) & 1),
    specialInText: flags.map((flag) => (flag >> 2) & 1),
  };
}

/** Writes a temporary file and renames it, so that no reader sees half of it. @throws the file system's errors. */
export async function writeCache(folder: string, file: string, samples: ChunkResult): Promise<void> {
  if (endianness() !== 'LE') return; // the numbers would have the wrong byte order
  const flags = samples.truncated.map(
    (flag, i) => flag | ((samples.bosDoubled[i] ?? 0) << 1) | ((samples.specialInText[i] ?? 0) << 2),
  );
  const numbers = [
    Int32Array.of(samples.counts.length, samples.ids.length),
    samples.counts,
    samples.lengths,
    samples.ids,
  ];
  const body = Buffer.concat(
    [...numbers, flags].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  );
  await mkdir(folder, { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  try {
    await writeFile(partial, Buffer.concat([MAGIC, digest(body), body]));
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw error;
  }
}

function digest(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}

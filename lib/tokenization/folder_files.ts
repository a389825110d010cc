// The files of a model folder that tokenizing needs: on disk, or as they were when they were read into memory, so that
// moving or changing a folder while a model is in use does not end a run or change a sample.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  FACTS_FILE,
  MERGES_FILE,
  SENTENCEPIECE_FILES,
  TOKENIZER_FILES_READ,
  WORDPIECE_FILE,
} from '../model_folder/files';
import { otherContent, parseModelJson } from '../model_folder/json';
import { TokenizerError } from './errors';

/** By path. Bytes, which are sent to worker threads unchanged. */
export type HeldFiles = ReadonlyMap<string, Uint8Array>;

/** The tokenizer's files that exist now. A file that cannot be read is left out; the code that needs it reports it. */
export function holdFiles(folder: string, chatTemplateFile?: string): HeldFiles {
  const files = [...TOKENIZER_FILES_READ, FACTS_FILE].map((name) => join(folder, name));
  const held = new Map<string, Uint8Array>();
  for (const file of chatTemplateFile === undefined ? files : [...files, chatTemplateFile]) {
    try {
      held.set(file, readFileSync(file));
    } catch {
      // absent, like most of them
    }
  }
  return held;
}

export class FolderFiles {
  /** @param held instead of the files on disk. */
  constructor(private readonly held?: HeldFiles) {}

  has(file: string): boolean {
    return this.held ? this.held.has(file) : existsSync(file);
  }

  /** @throws TokenizerError */
  text(file: string): string {
    const held = this.held?.get(file);
    try {
      return held
        ? Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString('utf8')
        : readFileSync(file, 'utf8');
    } catch (error) {
      throw new TokenizerError(`${file} cannot be read (${(error as Error).message}).`);
    }
  }

  /** A chat template. @throws TokenizerError */
  template(file: string): string {
    const text = this.text(file);
    const other = text === '' ? undefined : otherContent(text);
    if (other?.includes('Git LFS')) throw new TokenizerError(`${file} ${other}.`);
    return text;
  }

  /** @throws TokenizerError */
  object(file: string): Record<string, unknown> {
    let value: unknown;
    try {
      value = parseModelJson(this.text(file));
    } catch (error) {
      throw error instanceof TokenizerError ? error : new TokenizerError(`${file} ${(error as Error).message}.`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TokenizerError(`${file} must hold a JSON object.`);
    }
    return value as Record<string, unknown>;
  }
}

/** Tokenizer formats that transformers converts to tokenizer.json, recognized by one of their files. */
const OTHER_FORMS: readonly [what: string, isThere: (name: string) => boolean][] = [
  ['a SentencePiece model', (name) => SENTENCEPIECE_FILES.includes(name)],
  ['a tokenizer of tiktoken', (name) => name.endsWith('.tiktoken')],
  ['the vocabulary and merges of a BPE tokenizer', (name) => name === MERGES_FILE],
  ['the vocabulary of a WordPiece tokenizer', (name) => name === WORDPIECE_FILE],
];

/** Why texts cannot be tokenized: there is no tokenizer.json, and what to do, depending on what is there instead. */
export function missingTokenizer(folder: string): string {
  if (!existsSync(folder)) return `${folder} does not exist: check the path.`;
  const names = readdirSync(folder);
  for (const [what, isThere] of OTHER_FORMS) {
    const file = names.find(isThere);
    if (file === undefined) continue;
    return (
      `${folder} has no tokenizer.json, but ${what}, ${file}. Write tokenizer.json from it in Python, with ` +
      'transformers and ' +
      `sentencepiece: AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)` +
      `${names.some((name) => name.endsWith('.py')) ? ' (with trust_remote_code=True where the folder brings a class of its own)' : ''}` +
      '; or give rows with input_ids.'
    );
  }
  return (
    `${folder} has no tokenizer.json. Texts cannot be tokenized without one: copy the tokenizer's files into ` +
    'the model ' +
    'folder, or give rows with input_ids.'
  );
}

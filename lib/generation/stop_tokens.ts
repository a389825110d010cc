// The tokens that end an answer, from every file of a model folder that names some.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GenerationError } from './errors';
import type { PromptBuilder } from './prompts';
import { parseModelJson } from '../model_folder/json';
import { CONFIG_FILE, GENERATION_CONFIG_FILE } from '../model_folder/files';

/** A token that ends an answer. */
export interface StopToken {
  id: number;
  /** The token's text in the tokenizer; undefined if it has no such token. */
  token: string | undefined;
  /** Where it is named: `generation_config.json`, `config.json`, `tokenizer`, `chat template`. */
  from: string[];
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * The ids that generation_config.json and config.json call `eos_token_id` (a number or a list), the tokenizer's
 * `eos_token`, and the special token with which the chat template ends an answer. Nothing else of
 * generation_config.json is used.
 * @throws GenerationError if a file is broken.
 */
export async function readStopTokens(folder: string, prompts: PromptBuilder): Promise<StopToken[]> {
  const found = new Map<number, StopToken>();
  const add = (from: string, ids: readonly (number | undefined)[]) => {
    for (const each of ids) {
      if (each === undefined) continue;
      const known = found.get(each);
      if (known) known.from.push(from);
      else
        found.set(each, {
          id: each,
          token: prompts.tokenizer.has(each) ? prompts.tokenizer.decode([each]) : undefined,
          from: [from],
        });
    }
  };
  for (const file of [GENERATION_CONFIG_FILE, CONFIG_FILE]) add(file, await eosTokensOf(join(folder, file)));
  add('tokenizer', [prompts.tokenizer.eosToken]);
  add('chat template', [prompts.endOfTurn()]);
  return [...found.values()];
}

async function eosTokensOf(file: string): Promise<number[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new GenerationError(`${file} cannot be read (${(error as Error).message}).`);
  }
  let value: unknown;
  try {
    value = parseModelJson(text);
  } catch (error) {
    throw new GenerationError(`${file} ${(error as Error).message}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GenerationError(`${file} must hold a JSON object.`);
  const { eos_token_id: eos } = value as { eos_token_id?: unknown };
  if (eos === undefined || eos === null) return [];
  const ids = Array.isArray(eos) ? (eos as unknown[]) : [eos];
  if (!ids.every(isId)) throw new GenerationError(`${file}: "eos_token_id" must be a token id or a list of them.`);
  return ids;
}

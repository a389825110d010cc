// The tokenizer's files of a Hugging Face model folder.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTokensOfConfig } from './config_tokens';
import { TokenizerError } from './errors';
import { isSampleTemplate } from './sample_note';

export interface TokenizerFiles {
  folder: string;
  /** tokenizer.json, with the tokens that only tokenizer_config.json names, and tokenizer_config.json, parsed. */
  tokenizer: Record<string, unknown>;
  config: Record<string, unknown>;
  /** Undefined where the folder has none and none was given. */
  chatTemplate: { source: string; file: string } | undefined;
  /** bos_token, eos_token and so on, as chat templates may print them. */
  specialTokens: Record<string, string>;
}

const SPECIAL_TOKENS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/**
 * Reads what tokenising needs.
 * @param chatTemplateFile a Jinja file that takes the place of the folder's own template.
 * @throws TokenizerError for a missing or malformed file.
 */
export function readTokenizerFiles(folder: string, chatTemplateFile?: string): TokenizerFiles {
  if (!existsSync(folder)) throw new TokenizerError(`${folder} does not exist: check the path.`);
  const tokenizerFile = join(folder, 'tokenizer.json');
  if (!existsSync(tokenizerFile)) {
    throw new TokenizerError(
      `${folder} has no tokenizer.json. Texts cannot be tokenised without one: copy the tokenizer's files into the model folder, or give rows with input_ids.`,
    );
  }
  const tokenizer = readObject(tokenizerFile);
  const configFile = join(folder, 'tokenizer_config.json');
  const config = existsSync(configFile) ? readObject(configFile) : {};
  const mapFile = join(folder, 'special_tokens_map.json');
  const map = existsSync(mapFile) ? readObject(mapFile) : {};
  return {
    folder,
    tokenizer: withTokensOfConfig(tokenizer, { ...map, ...config }),
    config,
    chatTemplate: findChatTemplate(folder, config, configFile, chatTemplateFile),
    specialTokens: specialTokensOf({ ...map, ...config }),
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TokenizerError(`${file} cannot be read (${(error as Error).message}).`);
  }
}

function readObject(file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readText(file));
  } catch (error) {
    if (error instanceof TokenizerError) throw error;
    throw new TokenizerError(`${file} is not valid JSON (${(error as Error).message}).`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TokenizerError(`${file} must hold a JSON object.`);
  }
  return value as Record<string, unknown>;
}

/** In transformers' order: the given file, chat_template.jinja, chat_template.json, tokenizer_config.json. */
function findChatTemplate(
  folder: string,
  config: Record<string, unknown>,
  configFile: string,
  given?: string,
): TokenizerFiles['chatTemplate'] {
  if (given !== undefined && (!hasSampleTemplate(folder) || !isTrainedTemplate(folder, given))) return { source: readText(given), file: given };
  const jinja = join(folder, 'chat_template.jinja');
  if (existsSync(jinja)) return { source: readText(jinja), file: jinja };
  const json = join(folder, 'chat_template.json');
  if (existsSync(json)) return templateOf(readObject(json)['chat_template'], json);
  return templateOf(config['chat_template'], configFile);
}

/** Whether the folder's own template was made of the given one: that renders the samples, the given one without what the tokenizer added. */
function isTrainedTemplate(folder: string, given: string): boolean {
  const facts = join(folder, 'cheems.json');
  if (!existsSync(facts)) return false;
  return readObject(facts)['chat_template_sha256'] === createHash('sha256').update(readText(given)).digest('hex');
}

function hasSampleTemplate(folder: string): boolean {
  const file = join(folder, 'chat_template.jinja');
  return existsSync(file) && isSampleTemplate(readText(file));
}

/** What users must know where `replacesSampleTemplate`. */
export const NO_TOKENS_ADDED =
  "This folder's own template renders whole samples, and its tokenizer adds no special tokens to them: the given template must write BOS " +
  'and the like itself.';

/** Whether a given template takes the place of one that renders whole samples. */
export function replacesSampleTemplate(folder: string, given: string | undefined): boolean {
  return given !== undefined && hasSampleTemplate(folder) && !isTrainedTemplate(folder, given);
}

/** A text, or a list of {name, template} of which "default" is meant. */
function templateOf(value: unknown, file: string): TokenizerFiles['chatTemplate'] {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return { source: value, file };
  if (Array.isArray(value)) {
    const named = value.find((entry: unknown): entry is { template: string } => {
      const candidate = entry as { name?: unknown; template?: unknown } | null;
      return candidate?.name === 'default' && typeof candidate.template === 'string';
    });
    if (named) return { source: named.template, file };
    throw new TokenizerError(`${file} lists chat templates, but none named "default"; choose one with --chat_template FILE.`);
  }
  throw new TokenizerError(`chat_template in ${file} must be text or a list of {name, template}.`);
}

function specialTokensOf(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of SPECIAL_TOKENS) {
    const value = config[name] as string | { content?: unknown } | null | undefined;
    const text = typeof value === 'string' ? value : value?.content;
    if (typeof text === 'string') tokens[name] = text;
  }
  return tokens;
}

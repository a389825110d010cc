// The tokenizer's files of a Hugging Face model folder.

import { join } from 'node:path';
import { withTokensOfConfig } from './config_tokens';
import { TokenizerError } from './errors';
import { FolderFiles, missingTokenizer, type HeldFiles } from './folder_files';
import type { RewardModelFacts } from '../model_folder/facts';
import {
  CHAT_TEMPLATE_FILE,
  FACTS_FILE,
  OLD_CHAT_TEMPLATE_FILE,
  SPECIAL_TOKENS_FILE,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
} from '../model_folder/files';
import { isSampleTemplate } from './sample_note';
import { sha256 } from '../support/sha256';
import { knob } from '../text/knobs';

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
 * Reads what tokenizing needs.
 * @param chatTemplateFile a Jinja file that takes the place of the folder's own template.
 * @param held the files' contents, in place of those on disk.
 * @throws TokenizerError for a missing or malformed file.
 */
export function readTokenizerFiles(folder: string, chatTemplateFile?: string, held?: HeldFiles): TokenizerFiles {
  const files = new FolderFiles(held);
  const tokenizerFile = join(folder, TOKENIZER_FILE);
  if (!files.has(tokenizerFile)) throw new TokenizerError(missingTokenizer(folder));
  const tokenizer = files.object(tokenizerFile);
  const configFile = join(folder, TOKENIZER_CONFIG_FILE);
  const config = files.has(configFile) ? files.object(configFile) : {};
  const mapFile = join(folder, SPECIAL_TOKENS_FILE);
  const map = files.has(mapFile) ? files.object(mapFile) : {};
  return {
    folder,
    tokenizer: withTokensOfConfig(tokenizer, { ...map, ...config }),
    config,
    chatTemplate: findChatTemplate(files, folder, config, configFile, chatTemplateFile),
    specialTokens: specialTokensOf({ ...map, ...config }),
  };
}

/** In transformers' order: the given file, chat_template.jinja, chat_template.json, tokenizer_config.json. */
function findChatTemplate(
  files: FolderFiles,
  folder: string,
  config: Record<string, unknown>,
  configFile: string,
  given?: string,
): TokenizerFiles['chatTemplate'] {
  if (given !== undefined && (!hasSampleTemplate(files, folder) || !isTrainedTemplate(files, folder, given)))
    return { source: files.template(given), file: given };
  const jinja = join(folder, CHAT_TEMPLATE_FILE);
  if (files.has(jinja)) return { source: files.template(jinja), file: jinja };
  const json = join(folder, OLD_CHAT_TEMPLATE_FILE);
  if (files.has(json)) return templateOf(files.object(json)['chat_template'], json);
  return templateOf(config['chat_template'], configFile);
}

/**
 * Whether the folder's own template was made of the given one: that renders the samples, the given one without what the
 * tokenizer added.
 */
function isTrainedTemplate(files: FolderFiles, folder: string, given: string): boolean {
  const facts = join(folder, FACTS_FILE);
  if (!files.has(facts)) return false;
  return (files.object(facts) as Partial<RewardModelFacts>).chat_template_sha256 === sha256(files.text(given));
}

function hasSampleTemplate(files: FolderFiles, folder: string): boolean {
  const file = join(folder, CHAT_TEMPLATE_FILE);
  return files.has(file) && isSampleTemplate(files.text(file));
}

/** What users must know where `replacesSampleTemplate`. */
export const NO_TOKENS_ADDED =
  "This folder's own template renders whole samples, and its tokenizer adds no special tokens to them: the " +
  'given template must write BOS ' +
  'and the like itself.';

/** Whether a given template takes the place of one that renders whole samples. */
export function replacesSampleTemplate(folder: string, given: string | undefined): boolean {
  const files = new FolderFiles();
  return given !== undefined && hasSampleTemplate(files, folder) && !isTrainedTemplate(files, folder, given);
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
    throw new TokenizerError(
      `${file} lists chat templates, but none named "default"; choose one with ${knob('chatTemplateFile', 'FILE')}.`,
    );
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

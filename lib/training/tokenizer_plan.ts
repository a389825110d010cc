// The tokenizer of a reward model's folder: the base model's files, changed so that every tool reads the tokens that
// the model was trained on. The chat template renders whole samples, tokenizer.json adds nothing to them, and no
// library class rebuilds it.
import { join } from 'node:path';
import type { FileSystem } from '../files/file_system';
import { readTokenizerFiles } from '../tokenization/tokenizer_files';
import { SampleBuilder, type WholeSampleOptions } from '../tokenization/sample_builder';
import { findSampleTemplate, type Conversation, type FoundTemplate } from '../tokenization/sample_template';
import type { TokenizerChanges } from '../model_folder/export';
import {
  CHAT_TEMPLATE_FILE,
  OLD_CHAT_TEMPLATE_FILE,
  SPECIAL_TOKENS_FILE,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
} from '../model_folder/files';
import { parseKeepingNumbers, stringifyKeepingNumbers } from '../files/exact_json';

/** Those that name the special tokens. */
const NAMING_FILES = [TOKENIZER_CONFIG_FILE, SPECIAL_TOKENS_FILE];

export interface TokenizerRequest {
  baseFolder: string;
  /** See `MadeConfig`. */
  newPadToken?: string | undefined;
  /** How samples were built; absent if all came as token ids, which no template renders. */
  samples?: SampleRequest | undefined;
}

interface SampleRequest {
  chatTemplateFile?: string | undefined;
  options: WholeSampleOptions;
  /** Samples to test a template with. */
  conversations: readonly Conversation[];
  /** How often each id ends a sample. */
  lastTokens: ReadonlyMap<number, number>;
}

export interface PlannedTokenizer {
  changes: TokenizerChanges;
  /** The result of the search for a template; absent without `samples`. */
  found?: FoundTemplate;
}

type TokenNames = Record<string, string | null>;

/** @throws TokenizerError if the base model's files cannot be used. */
export async function planTokenizerFiles(request: TokenizerRequest, files: FileSystem): Promise<PlannedTokenizer> {
  const { baseFolder, newPadToken, samples } = request;
  const names: TokenNames = newPadToken === undefined ? {} : { pad_token: newPadToken };
  const changes = new Map<string, string | null>();
  if (!samples) {
    await changeNames(baseFolder, names, {}, changes, files);
    return { changes };
  }
  const base = readTokenizerFiles(baseFolder, samples.chatTemplateFile);
  const builder = new SampleBuilder({ folder: baseFolder, chatTemplateFile: samples.chatTemplateFile });
  const sampleNames = { ...names, ...namesOfSamples(builder, samples) };
  const source = base.chatTemplate?.source ?? '';
  const found = findSampleTemplate(
    builder,
    source,
    samples.options,
    samples.conversations,
    withNames(base.specialTokens, sampleNames),
  );
  if (found.source === undefined) {
    await changeNames(baseFolder, names, {}, changes, files);
    if (samples.chatTemplateFile !== undefined) changes.set(CHAT_TEMPLATE_FILE, source);
    return { changes, found };
  }
  changes.set(CHAT_TEMPLATE_FILE, found.source);
  changes.set(OLD_CHAT_TEMPLATE_FILE, null);
  await changeNames(
    baseFolder,
    sampleNames,
    tokenizerConfig(base.tokenizer, base.config, found.source),
    changes,
    files,
  );
  const { before, after } = builder.tokensAround;
  if (before.length + after.length > 0)
    changes.set(TOKENIZER_FILE, withoutAdding(await files.readText(join(baseFolder, TOKENIZER_FILE))));
  return { changes, found };
}

/**
 * The last token of the samples as eos_token, if all end with the same special token: OpenRLHF appends the EOS to texts
 * that end otherwise. And no bos_token if the model was trained with a doubled BOS: RewardBench removes it again if it
 * knows one.
 */
function namesOfSamples(builder: SampleBuilder, { options, lastTokens }: SampleRequest): TokenNames {
  const [last, ...others] = lastTokens.keys();
  const end = last === undefined || others.length > 0 ? undefined : builder.addedToken(last);
  const { before } = builder.tokensAround;
  const doubled =
    options.doubledBos !== 'drop' &&
    options.doStrip !== false &&
    before.length > 0 &&
    before.at(-1) === builder.bosTokenId;
  return { ...(end === undefined ? {} : { eos_token: end }), ...(doubled ? { bos_token: null } : {}) };
}

/** The special tokens as the written files name them. */
function withNames(before: Readonly<Record<string, string>>, names: TokenNames): Record<string, string> {
  const all = Object.entries({ ...before, ...names });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== null));
}

/**
 * Fields of tokenizer_config.json. `PreTrainedTokenizerFast` uses tokenizer.json unchanged; other classes rebuild parts
 * of it (transformers 5: GPT2Tokenizer its pre-tokenizer; LlamaTokenizer a post-processor that adds BOS unless told not
 * to).
 */
function tokenizerConfig(
  tokenizer: Record<string, unknown>,
  config: Record<string, unknown>,
  chatTemplate: string,
): Record<string, unknown> {
  const preTokenizer = tokenizer['pre_tokenizer'] as { add_prefix_space?: boolean } | null | undefined;
  const prefix = preTokenizer?.add_prefix_space;
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_input_names: config['model_input_names'] ?? ['input_ids', 'attention_mask'],
    add_bos_token: false,
    add_eos_token: false,
    ...(prefix === undefined ? {} : { add_prefix_space: prefix }),
    chat_template: chatTemplate,
  };
}

/** Fields of the base model's own class, which is not the class that is written. */
const CLASS_FIELDS = ['auto_map', 'from_slow', 'legacy'];

async function changeNames(
  baseFolder: string,
  names: TokenNames,
  config: Record<string, unknown>,
  changes: Map<string, string | null>,
  files: FileSystem,
): Promise<void> {
  for (const name of NAMING_FILES) {
    const isConfig = name === TOKENIZER_CONFIG_FILE;
    const fields = isConfig ? { ...names, ...config } : names;
    if (Object.keys(fields).length === 0) continue;
    const file = join(baseFolder, name);
    const isThere = (await files.kindOf(file)) !== undefined;
    if (!isThere && (!isConfig || Object.keys(config).length === 0)) continue;
    const content = isThere ? (parseKeepingNumbers(await files.readText(file)) as Record<string, unknown>) : {};
    if (Object.keys(config).length > 0) for (const field of CLASS_FIELDS) delete content[field];
    changes.set(name, stringifyKeepingNumbers({ ...content, ...fields }));
  }
}

/** tokenizer.json without the post-processor that adds tokens; a byte-level one beside it, which adds none, stays. */
function withoutAdding(text: string): string {
  const tokenizer = parseKeepingNumbers(text) as Record<string, unknown>;
  const processor = tokenizer['post_processor'] as { processors?: { type?: string }[] } | null | undefined;
  const kept = (processor?.processors ?? []).find(({ type }) => type === 'ByteLevel');
  return stringifyKeepingNumbers({ ...tokenizer, post_processor: kept ?? null });
}

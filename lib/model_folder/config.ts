// config.json of a trained reward model: the base model's, changed as transformers does for one label. For a head of
// several layers, which no class of transformers has: as the base model's own class reads it.

import { join } from 'node:path';
import type { Precision } from '../engine/types.generated';
import { parseKeepingNumbers, stringifyKeepingNumbers } from '../files/exact_json';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { codeOf, messageOf } from '../support/thrown';
import { ModelFolderError } from './errors';
import { readOwnClass } from './own_class';
import { CONFIG_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from './files';
import { parseModelJson, withoutMark } from './json';

/** How often each id ends a sample: what the choice of pad_token_id must avoid. */
type LastTokenCounts = ReadonlyMap<number, number>;

async function readJson(file: string, files: FileSystem): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await files.readText(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return parseModelJson(text) as Record<string, unknown>;
  } catch (error) {
    throw new ModelFolderError(`${file} ${messageOf(error)}.`);
  }
}

interface SpecialTokens {
  /** The id of the tokenizer's pad_token. */
  pad: number | undefined;
  /** Other special tokens that may be used for padding, best first: unknown, begin, the rest. */
  others: number[];
  textOf: Map<number, string>;
}

const textOfToken = (token: unknown): unknown =>
  typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token;

/** Empty for a folder without a tokenizer. */
async function readSpecialTokens(baseFolder: string, files: FileSystem): Promise<SpecialTokens> {
  const config = (await readJson(join(baseFolder, TOKENIZER_CONFIG_FILE), files)) ?? {};
  const tokenizer = (await readJson(join(baseFolder, TOKENIZER_FILE), files)) ?? {};
  const listed = (Array.isArray(tokenizer['added_tokens']) ? tokenizer['added_tokens'] : []) as {
    id?: unknown;
    content?: unknown;
    special?: unknown;
  }[];
  const added = listed.filter(
    (token): token is { id: number; content: string; special?: unknown } =>
      Number.isInteger(token.id) && typeof token.content === 'string',
  );
  const idOf = new Map<unknown, number>(added.map(({ id, content }) => [content, id]));
  const named = ['unk_token', 'bos_token'].map((name) => idOf.get(textOfToken(config[name])));
  const special = added.filter((token) => token.special === true).map(({ id }) => id);
  return {
    pad: idOf.get(textOfToken(config['pad_token'])),
    others: [...named, ...special].filter((id) => id !== undefined),
    textOf: new Map(added.map(({ id, content }) => [id, content])),
  };
}

/**
 * A pad_token_id that no sample ends with.
 *
 * transformers' …ForSequenceClassification reads the reward at the rightmost token whose id is not pad_token_id, by the
 * id and not by the attention mask. If the last token has this id (for example with Qwen's <|im_end|> as pad token), it
 * reads one token too early, and its rewards differ from the trained ones. Without any pad_token_id it refuses batches.
 * Order: the tokenizer's pad token (what its users pad with), config.json's own, the tokenizer's unknown, begin and
 * other special tokens (never an end-of-sequence id of config.json), then the highest id of the vocabulary that no
 * sample ends with.
 */
export function choosePadTokenId(
  tokens: { pad?: number | undefined; others?: readonly number[] },
  configPad: number | undefined,
  avoid: ReadonlySet<number>,
  endIds: ReadonlySet<number>,
  vocabSize: number,
): number {
  const usable = (id: number | undefined): id is number =>
    id !== undefined && id >= 0 && id < vocabSize && !avoid.has(id);
  for (const id of [tokens.pad, configPad]) if (usable(id)) return id;
  for (const id of tokens.others ?? []) if (usable(id) && !endIds.has(id)) return id;
  for (let id = vocabSize - 1; id >= 0; id -= 1) if (usable(id) && !endIds.has(id)) return id;
  throw new ModelFolderError(
    'Every id of the vocabulary is the last token of some sample, so config.json can have no pad_token_id that the ' +
      'class would not take for padding. Are the input_ids right?',
  );
}

const asIds = (value: unknown): number[] =>
  (Array.isArray(value) ? value : [value]).map(Number).filter(Number.isInteger);

export interface ConfigRequest {
  baseFolder: string;
  /** 'Qwen2' for Qwen2ForSequenceClassification. */
  classPrefix: string;
  /** model_type of the saved model, if it differs from the base model's. */
  savedFamily?: string | undefined;
  vocabSize: number;
  lastTokens: LastTokenCounts;
  /** For a head of several layers: the class, its files and its labels are kept. */
  keepsClass?: boolean | undefined;
  /** All ids that occur in samples: given if the class reads the reward before the first padding token. */
  sampleTokens?: ReadonlySet<number> | undefined;
  /** The dtype of the weights in the same folder. */
  dtype: Precision;
}

export interface MadeConfig {
  /** Text of config.json. */
  config: string;
  padTokenId: number;
  /** The text of the new pad token; set if the tokenizer must not pad with its own pad_token, or has none. */
  newPadToken?: string;
  /** Python files of the class that must be in the same folder. */
  classFiles: string[];
  /** Python files that the base model's auto_map names but its folder lacks: auto_map is then left out. */
  missingClassFiles: string[];
}

/**
 * Turns the base model's config.json into that of a reward model. All other fields are kept, with numbers spelled the
 * same.
 */
export async function makeConfig(request: ConfigRequest, files: FileSystem = realFileSystem): Promise<MadeConfig> {
  const text = withoutMark(await files.readText(join(request.baseFolder, CONFIG_FILE)));
  const plain = parseModelJson(text) as Record<string, unknown>;
  const config = parseKeepingNumbers(text) as Record<string, unknown>;
  const configPad = Number.isInteger(plain['pad_token_id']) ? (plain['pad_token_id'] as number) : undefined;
  const tokens = await readSpecialTokens(request.baseFolder, files);
  const padTokenId = choosePadTokenId(
    tokens,
    configPad,
    new Set([...request.lastTokens.keys(), ...(request.sampleTokens ?? [])]),
    new Set(plain['eos_token_id'] == null ? [] : asIds(plain['eos_token_id'])),
    request.vocabSize,
  );
  const ownClass = request.keepsClass ? await readOwnClass(request.baseFolder, plain['auto_map'], files) : undefined;
  if (ownClass?.autoMap) config['auto_map'] = ownClass.autoMap;
  else delete config['auto_map']; // names Python files of the base model that are not copied
  if (request.savedFamily !== undefined && request.savedFamily !== plain['model_type']) {
    // The weights have another family's tensor names, so fields that only the base model's own code knows would
    // mislead.
    config['model_type'] = request.savedFamily;
    config['attention_bias'] = plain['bias'] ?? true;
    config['vocab_size'] = request.vocabSize;
    for (const field of ['bias', 'attn_implementation']) delete config[field];
  }
  if (!request.keepsClass) {
    delete config['num_labels'];
    Object.assign(config, {
      architectures: [`${request.classPrefix}ForSequenceClassification`],
      num_labels: 1,
      id2label: { 0: 'LABEL_0' },
      label2id: { LABEL_0: 0 },
    });
  }
  Object.assign(config, { dtype: request.dtype, torch_dtype: request.dtype, pad_token_id: padTokenId });
  spellRopeBothWays(config);
  const padToken = tokens.textOf.get(padTokenId);
  return {
    config: stringifyKeepingNumbers(config),
    padTokenId,
    classFiles: ownClass?.files ?? [],
    missingClassFiles: ownClass?.missing ?? [],
    ...(padTokenId === tokens.pad || padToken === undefined ? {} : { newPadToken: padToken }),
  };
}

/**
 * transformers 4, and tools built on it, know only `rope_theta` and `rope_scaling`, and would use defaults for
 * `rope_parameters`; transformers 5 uses `rope_scaling` if both are present. So both forms are written, with the
 * meaning of the base model's config.json.
 */
function spellRopeBothWays(config: Record<string, unknown>): void {
  const parameters = config['rope_parameters'];
  if (typeof parameters !== 'object' || parameters === null) return;
  if (isFilledObject(config['rope_scaling'])) {
    delete config['rope_parameters']; // it does not count
    return;
  }
  const { rope_theta: theta, ...scaling } = parameters as Record<string, unknown>;
  if (theta !== undefined) config['rope_theta'] = theta;
  const type = scaling['rope_type'] ?? scaling['type'];
  config['rope_scaling'] = type === undefined || type === 'default' ? null : scaling;
}

function isFilledObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

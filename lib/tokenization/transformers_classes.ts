// Where transformers 5 makes other ids than tokenizer.json says: its tokenizer classes build normalizer and
// pre_tokenizer anew, by rules of their own, and take vocabulary and merges alone from the file. (transformers 4 takes
// the file as it is.)

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { FolderFiles, type HeldFiles } from './folder_files';
import { TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from '../model_folder/files';

type Json = Record<string, unknown>;

interface Rules {
  normalizer: unknown;
  preTokenizer: unknown;
}

const QWEN2_WORDS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const split = (pattern: Json, behavior: string): Json => ({ type: 'Split', pattern, behavior, invert: false });
const byteLevel = (prefix: boolean, words: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: prefix,
  use_regex: words,
});
const metaspace = (scheme: string, cut: boolean): Json => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme: scheme,
  split: cut,
});

/** Of transformers 5.24. `prefix`: add_prefix_space of tokenizer_config.json. */
const CLASSES: Record<string, (prefix: boolean | undefined) => Rules> = {
  LlamaTokenizer: llama,
  CodeLlamaTokenizer: llama,
  GemmaTokenizer: () => ({
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    preTokenizer: split({ String: ' ' }, 'MergedWithPrevious'),
  }),
  Qwen2Tokenizer: (prefix = false) => ({
    normalizer: { type: 'NFC' },
    preTokenizer: {
      type: 'Sequence',
      pretokenizers: [split({ Regex: QWEN2_WORDS }, 'Isolated'), byteLevel(prefix, false)],
    },
  }),
  GPT2Tokenizer: (prefix = false) => ({ normalizer: null, preTokenizer: byteLevel(prefix, true) }),
  DebertaV2Tokenizer: (prefix = true) => ({
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Replace', pattern: { Regex: String.raw`\s{2,}|[\n\r\t]` }, content: ' ' },
        { type: 'NFC' },
        { type: 'Strip', strip_left: false, strip_right: true },
      ],
    },
    preTokenizer: { type: 'Sequence', pretokenizers: [metaspace(prefix ? 'always' : 'never', true)] },
  }),
};

function llama(prefix: boolean | undefined): Rules {
  return { normalizer: null, preTokenizer: metaspace(prefix === false ? 'never' : 'first', false) };
}

/**
 * `rebuiltByTransformers` of a folder; undefined too where its tokenizer cannot be read, which is told by who needs it.
 */
export function rebuiltTokenizerNote(folder: string, held?: HeldFiles): string | undefined {
  const files = new FolderFiles(held);
  try {
    const config = files.object(join(folder, TOKENIZER_CONFIG_FILE));
    return rebuiltByTransformers(withoutModel(files.text(join(folder, TOKENIZER_FILE))), config);
  } catch {
    return undefined;
  }
}

/** tokenizer.json up to its model, which is nearly all of it and stands last. */
function withoutModel(text: string): Json {
  const head = /^[^]*?(?=,\s*"model"\s*:\s*\{)/.exec(text)?.[0];
  try {
    const steps = JSON.parse(`${head ?? ''}}`) as Json;
    if ('normalizer' in steps && 'pre_tokenizer' in steps) return steps;
  } catch {
    // written in another order
  }
  return JSON.parse(text) as Json;
}

/**
 * A sentence where transformers 5 may give other ids than these, undefined where it takes tokenizer.json as it is.
 * @param file tokenizer.json @param config tokenizer_config.json.
 */
export function rebuiltByTransformers(file: Json, config: Json): string | undefined {
  const given = config['tokenizer_class'];
  const name = typeof given === 'string' ? given.replace(/Fast$/, '') : '';
  const rulesOf = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
  // Byte-level files under Llama's class (Llama 3) are taken as they are.
  const isByteLevel = JSON.stringify(file['pre_tokenizer'] ?? null).includes('"ByteLevel"');
  if (!rulesOf || (isByteLevel && rulesOf === llama)) return undefined;
  const prefix = config['add_prefix_space'];
  const { normalizer, preTokenizer } = rulesOf(typeof prefix === 'boolean' ? prefix : undefined);
  const differing = [
    ...(isDeepStrictEqual(plain(file['normalizer']), normalizer) ? [] : ['normalizer']),
    ...(isDeepStrictEqual(plain(file['pre_tokenizer']), preTokenizer) ? [] : ['pre_tokenizer']),
  ];
  if (differing.length === 0) return undefined;
  return (
    'Token ids are those of tokenizer.json. transformers 5 may give others: tokenizer_config.json names ' +
    `${String(given)}, ` +
    `which it builds with a ${differing.join(' and a ')} of its own; with PreTrainedTokenizerFast as ` +
    `tokenizer_class it takes the file's.`
  );
}

/** A step as the classes are written above: with what is left out, without what moves no id. */
function plain(step: unknown): unknown {
  if (Array.isArray(step)) return step.map(plain);
  if (typeof step !== 'object' || step === null) return step ?? null;
  const { trim_offsets: _offsets, str_rep: _form, ...rest } = step as Json;
  if (rest['type'] === 'ByteLevel') return { add_prefix_space: true, use_regex: true, ...rest };
  if (rest['type'] === 'Metaspace') {
    const { add_prefix_space: prefix, ...now } = rest;
    return { prepend_scheme: prefix === false ? 'never' : 'always', split: true, ...now };
  }
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, plain(value)]));
}

// The files of a model folder: the one list, for reading, downloading, copying, saving and digests.

export const CONFIG_FILE = 'config.json';
export const GENERATION_CONFIG_FILE = 'generation_config.json';
/** How a reward model's samples were built; see facts.ts. */
export const FACTS_FILE = 'cheems.json';
/** The weights file that training writes. */
export const WEIGHTS_FILE = 'model.safetensors';

export const TOKENIZER_FILE = 'tokenizer.json';
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
export const SPECIAL_TOKENS_FILE = 'special_tokens_map.json';
export const CHAT_TEMPLATE_FILE = 'chat_template.jinja';
export const OLD_CHAT_TEMPLATE_FILE = 'chat_template.json';

/** The tokenizer files that are read here, and so determine the tokens. */
export const TOKENIZER_FILES_READ = [
  TOKENIZER_FILE,
  TOKENIZER_CONFIG_FILE,
  SPECIAL_TOKENS_FILE,
  CHAT_TEMPLATE_FILE,
  OLD_CHAT_TEMPLATE_FILE,
] as const;

export const SENTENCEPIECE_FILES: readonly string[] = [
  'tokenizer.model',
  'spiece.model',
  'spm.model',
  'sentencepiece.bpe.model',
];
export const MERGES_FILE = 'merges.txt';
export const WORDPIECE_FILE = 'vocab.txt';

/** Tokenizer and templates of a model folder, as transformers and SentencePiece name them. */
export const TOKENIZER_FILES: readonly string[] = [
  ...TOKENIZER_FILES_READ,
  'added_tokens.json',
  'vocab.json',
  WORDPIECE_FILE,
  MERGES_FILE,
  ...SENTENCEPIECE_FILES,
];

/**
 * The tokenizer's files and the configuration. Other files in the folder (logs, results, training state) do not belong
 * to the model.
 */
export const SMALL_MODEL_FILES: ReadonlySet<string> = new Set([
  CONFIG_FILE,
  GENERATION_CONFIG_FILE,
  FACTS_FILE,
  ...TOKENIZER_FILES,
]);

/**
 * Weights files in the order in which the engine looks for them, the same as transformers: one file, or an index of
 * several.
 */
export const WEIGHTS_FILES = [
  WEIGHTS_FILE,
  `${WEIGHTS_FILE}.index.json`,
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];
/** Heads that some trainers store beside the backbone; if both exist, the first one is used. */
export const VALUE_HEAD_FILES = ['value_head.safetensors', 'value_head.bin'] as const;
/** LDL's regression_layer.pt and gating_layer.pt. */
const HEAD_LAYER = /^[\w-]+_layer\.pt$/;
export const isHead = (path: string): boolean =>
  HEAD_LAYER.test(path) || (VALUE_HEAD_FILES as readonly string[]).includes(path);
/** The configuration of an adapter in PEFT's format. */
export const ADAPTER_CONFIG_FILE = 'adapter_config.json';
export const isIndex = (path: string): boolean => path.endsWith('.index.json');

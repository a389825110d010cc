/** Tokenizer and templates of a model folder, as transformers and SentencePiece name them. */
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'tokenizer.model',
  'spiece.model',
  'spm.model',
  'sentencepiece.bpe.model',
] as const;

/** With its configuration. What else may lie there (logs, results, states of training) is none of the model. */
export const SMALL_MODEL_FILES: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'cheems.json',
  ...TOKENIZER_FILES,
]);

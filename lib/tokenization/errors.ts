/** A tokenizer or chat template that cannot be loaded or used. The message names the file and what to do. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError';
}

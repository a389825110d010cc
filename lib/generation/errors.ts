/**
 * Text cannot be generated as requested: a folder, an option or a conversation is wrong. One sentence with place and
 * remedy.
 */
export class GenerationError extends Error {
  override readonly name = 'GenerationError';
}

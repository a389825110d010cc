/** Text cannot be generated as asked: a folder, an option, a conversation. One sentence with place and remedy. */
export class GenerationError extends Error {
  override readonly name = 'GenerationError';
}

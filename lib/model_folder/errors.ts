/**
 * A file of a model folder cannot be read or created: one sentence that names it. Callers rethrow it as their own
 * error.
 */
export class ModelFolderError extends Error {
  override readonly name = 'ModelFolderError';
}

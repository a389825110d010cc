/**
 * A file of a model folder that cannot be read, or made: a sentence that names it. Rooms that offer functions rethrow
 * it as their own.
 */
export class ModelFolderError extends Error {
  override readonly name = 'ModelFolderError';
}

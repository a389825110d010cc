// The engine's errors. `bindings/error_codes.h` has the same codes.

/** Every code that an `EngineError` may have, and what it means. */
export const ENGINE_ERROR_CODES = {
  INVALID_ARGUMENT: 'the call does not fit: an option, a batch, a handle',
  DISPOSED: 'the model was disposed, before the call or in the middle of it',
  DEVICE: 'the device that was asked for cannot be used here',
  MODEL_FILE: 'config.json or the weights cannot be read, or are no model that the engine knows',
  FILE: 'a file of weights or of optimizer state cannot be read or written',
  COMPUTATION: 'what was asked cannot be computed: tokens that the model does not have, rewards that are not finite',
  OUT_OF_MEMORY: 'the memory is not enough',
  NOT_BUILT: 'the compiled engine is not there, or cannot be loaded on this system',
  DEFECT: 'a defect of cheems-native itself',
} as const;

/** The kinds of an EngineError. */
export type EngineErrorCode = keyof typeof ENGINE_ERROR_CODES;

/**
 * The engine could not do what was requested: one sentence with place and remedy, and a code for programs. The addon
 * turns its own errors into these.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly code: EngineErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** For calls that come after `dispose`, or were running when it was called. `what`: "The model". */
export const disposedBefore = (what: string): EngineError =>
  new EngineError('DISPOSED', `${what} has been disposed: load it again to go on using it.`);
export const disposedDuring = (what: string): EngineError =>
  new EngineError('DISPOSED', `${what} was disposed before this work was done.`);

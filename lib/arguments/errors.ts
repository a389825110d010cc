/** A public function was given an invalid argument: one sentence that names the function and the argument. */
export class ArgumentError extends TypeError {
  override readonly name = 'ArgumentError';
  readonly code = 'INVALID_ARGUMENT';

  constructor(
    /** The argument: "items", "options.maxLength". */
    readonly argument: string,
    message: string,
  ) {
    super(message);
  }
}

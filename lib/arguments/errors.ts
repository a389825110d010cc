/** A public function was given what it does not take: one sentence that names the function and the argument. */
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

// Errors of templates, each one sentence.

/**
 * A template that does not parse, or that fails while it is rendered. The kinds correspond to those of jinja2 and
 * Python, as far as a template can distinguish them.
 */
export class JinjaError extends Error {
  override readonly name: string = 'JinjaError';
  /** Line of the template, counted from 1, once it is known. */
  line: number | undefined;

  constructor(
    readonly problem: string,
    line?: number,
  ) {
    super(problem);
    this.line = line;
  }

  /** Adds the line to the message, unless an inner statement has done so. */
  locate(line: number): this {
    if (this.line === undefined) this.line = line;
    return this;
  }
}

/** The template is not valid Jinja. */
export class JinjaSyntaxError extends JinjaError {
  override readonly name = 'JinjaSyntaxError';
}

/** The template called raise_exception, with its own message for the user. */
export class JinjaRaised extends JinjaError {
  override readonly name = 'JinjaRaised';
}

/** A template exceeds a limit of this renderer. */
export class JinjaLimitError extends JinjaError {
  override readonly name = 'JinjaLimitError';
}

/** An undefined value was used as if it were defined. */
export class JinjaUndefinedError extends JinjaError {
  override readonly name = 'JinjaUndefinedError';
}

/** A value of the wrong type: Python's TypeError and AttributeError. */
export class JinjaTypeError extends JinjaError {
  override readonly name = 'JinjaTypeError';
}

/** A wrong value of the right type: Python's ValueError, OverflowError, ZeroDivisionError, KeyError and IndexError. */
export class JinjaValueError extends JinjaError {
  override readonly name = 'JinjaValueError';
}

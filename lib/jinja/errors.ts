// What a template can do wrong, in one sentence.

/**
 * A template that does not parse, or that fails while it is rendered. The kinds are those of jinja2 and Python, as far
 * as a template can tell them apart.
 */
export class JinjaError extends Error {
  override readonly name: string = 'JinjaError';
  /** Line of the template, from 1, once it is known. */
  line: number | undefined;

  constructor(
    readonly problem: string,
    line?: number,
  ) {
    super(problem);
    this.line = line;
  }

  /** Puts the line into the message, unless a statement further inside has done so. */
  locate(line: number): this {
    if (this.line === undefined) this.line = line;
    return this;
  }
}

/** The template is no valid Jinja. */
export class JinjaSyntaxError extends JinjaError {
  override readonly name = 'JinjaSyntaxError';
}

/** The template called raise_exception: its own words for the person who reads them. */
export class JinjaRaised extends JinjaError {
  override readonly name = 'JinjaRaised';
}

/** A template's work goes beyond a limit of this renderer. */
export class JinjaLimitError extends JinjaError {
  override readonly name = 'JinjaLimitError';
}

/** Something undefined was used as if it were there. */
export class JinjaUndefinedError extends JinjaError {
  override readonly name = 'JinjaUndefinedError';
}

/** A value of a wrong type: Python's TypeError and AttributeError. */
export class JinjaTypeError extends JinjaError {
  override readonly name = 'JinjaTypeError';
}

/** A wrong value of a right type: Python's ValueError, OverflowError, ZeroDivisionError, KeyError and IndexError. */
export class JinjaValueError extends JinjaError {
  override readonly name = 'JinjaValueError';
}

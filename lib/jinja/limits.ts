// Limits on the cost of a template. A template is a program from an unknown author that comes with a model: these
// limits end it within about a second, with an error, whatever it does. No published template comes near them.

import { JinjaLimitError } from './errors';

const LIMITS = {
  /** Loop iterations, calls, items and characters processed (CHARACTERS_PER_STEP characters are one step). */
  steps: 20_000_000,
  /** Characters of a single text, and of the whole output. */
  textLength: 64 * 1024 * 1024,
  /** Nesting depth of macro calls and recursive loops. */
  callDepth: 200,
  /** Nesting depth of blocks, brackets and operators in the template's source. */
  sourceDepth: 200,
  /** Nesting depth of lists and dictionaries that are printed or compared. */
  valueDepth: 500,
  /** Bits of an integer. */
  integerBits: 100_000,
} as const;

const CHARACTERS_PER_STEP = 16;

// Rendering is synchronous and never nested, so one budget is enough.
let stepsLeft: number = LIMITS.steps;
let callDepth = 0;

export function startBudget(): void {
  stepsLeft = LIMITS.steps;
  callDepth = 0;
}

export function charge(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) {
    throw new JinjaLimitError(
      `it takes more than ${LIMITS.steps.toLocaleString('en-US')} steps, the limit of templates`,
    );
  }
}

/** To be called before a text of `length` characters is created. */
export function chargeText(length: number): void {
  checkLength(length);
  charge(1 + length / CHARACTERS_PER_STEP);
}

/** For texts that cost nothing to create, such as joining two. */
export function checkLength(length: number): void {
  if (length > LIMITS.textLength) {
    throw new JinjaLimitError(
      `it makes a text of more than ${LIMITS.textLength.toLocaleString('en-US')} characters, the limit of templates`,
    );
  }
}

export function checkValueDepth(depth: number): void {
  if (depth > LIMITS.valueDepth) throw tooDeep(`lists and dictionaries nest more than ${LIMITS.valueDepth} deep`);
}

export function enterCall(): void {
  callDepth += 1;
  if (callDepth > LIMITS.callDepth) throw tooDeep(`calls nest more than ${LIMITS.callDepth} deep`);
}

export function leaveCall(): void {
  callDepth -= 1;
}

export function checkSourceDepth(depth: number, line: number): void {
  if (depth > LIMITS.sourceDepth) {
    throw tooDeep(`blocks and expressions nest more than ${LIMITS.sourceDepth} deep`).locate(line);
  }
}

export function checkBits(bits: number): void {
  if (bits > LIMITS.integerBits) {
    throw new JinjaLimitError(
      `it makes an integer of more than ${LIMITS.integerBits.toLocaleString('en-US')} bits, the limit of templates`,
    );
  }
}

/** The JavaScript stack overflowed: the same error, found late. */
export const stackExhausted = (): JinjaLimitError => tooDeep('it nests too deep');

function tooDeep(what: string): JinjaLimitError {
  return new JinjaLimitError(`${what}, the limit of templates`);
}

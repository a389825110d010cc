// What a template may cost. A template comes with a model, from somebody unknown, and is a program: these limits end it
// in a second or so, with a sentence, whatever it does. No published template comes near them.

import { JinjaLimitError } from './errors';

const LIMITS = {
  /** Turns of loops, calls, items and characters touched (CHARACTERS_PER_STEP of these are one step). */
  steps: 20_000_000,
  /** Characters of one text, and of the whole output. */
  textLength: 64 * 1024 * 1024,
  /** Calls of macros (and turns of recursive loops) inside each other. */
  callDepth: 200,
  /** Blocks, brackets and operators inside each other in the template's source. */
  sourceDepth: 200,
  /** Lists and dictionaries inside each other, where they are printed or compared. */
  valueDepth: 500,
  /** Bits of an integer. */
  integerBits: 100_000,
} as const;

const CHARACTERS_PER_STEP = 16;

// Rendering is synchronous and never nests, so one budget is enough.
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

/** Before a text of `length` characters is made. */
export function chargeText(length: number): void {
  checkLength(length);
  charge(1 + length / CHARACTERS_PER_STEP);
}

/** For texts whose making costs nothing, such as joining two. */
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

/** The engine's own stack was not deep enough: the same fault, found late. */
export const stackExhausted = (): JinjaLimitError => tooDeep('it nests too deep');

function tooDeep(what: string): JinjaLimitError {
  return new JinjaLimitError(`${what}, the limit of templates`);
}

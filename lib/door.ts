// How the library's functions are offered: checked, and loaded with their first call.

import { checkArguments, type Signature } from './arguments/checks';
import { ArgumentError } from './arguments/errors';

/** An error that JavaScript itself throws, where code meets what it was not written for. */
function isOfTheInside(error: unknown): boolean {
  return error instanceof Error && (error.constructor === TypeError || error.constructor === RangeError);
}

type AnyFunction = (...given: never[]) => unknown;

interface Offer {
  /** Of a function that takes what other functions of the library gave: how the refusal of anything else ends. */
  gives?: string;
}

/**
 * The function that `load` finds, with its arguments checked. A function of the library's own results may be given
 * something that only looks like one; what then fails inside is told as what it is, the wrong argument.
 */
export function offered<F extends AnyFunction>(
  name: string,
  load: () => F,
  signature: Signature,
  { gives }: Offer = {},
): F {
  const refused = (error: unknown): unknown => {
    if (gives === undefined || !isOfTheInside(error)) return error;
    const [argument] = signature[0] ?? ['arguments'];
    return new ArgumentError(argument, `${name}: ${argument} must be ${gives}.`);
  };
  const call = (...given: never[]): unknown => {
    checkArguments(name, signature, given);
    try {
      const result = load()(...given);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw refused(error);
      });
    } catch (error) {
      throw refused(error);
    }
  };
  Object.defineProperty(call, 'name', { value: name });
  return call as F;
}

/** As `offered`, for functions that give promises: a wrong argument rejects, as everything else of theirs does. */
export function offeredAsync<F extends AnyFunction>(
  name: string,
  load: () => F,
  signature: Signature,
  offer: Offer = {},
): F {
  const call = offered(name, load, signature, offer);
  const asynchronous = async (...given: never[]): Promise<unknown> => call(...given);
  Object.defineProperty(asynchronous, 'name', { value: name });
  return asynchronous as unknown as F;
}

/** A module that is loaded when something of it is asked for. */
export function loadedLater<M extends object>(load: () => M): M {
  return new Proxy({} as M, { get: (_, key) => load()[key as keyof M] });
}

// Checks of the arguments of public functions, before anything is done with them. A check throws an ArgumentError that
// names the argument.

import { closest, distance } from 'fastest-levenshtein';
import { ArgumentError } from './errors';
import { isObject } from '../support/is_object';
import { show } from '../support/show';
import { messageOf } from '../support/thrown';

/** @param name the name of the value in messages: `RewardModel.score: items`. */
export type Check = (value: unknown, name: Named) => void;

/** The function that was called, and the path of the value in its arguments. */
export interface Named {
  call: string;
  path: string;
}

const at = ({ call, path }: Named, key: string | number): Named => ({
  call,
  path: typeof key === 'number' ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`,
});

/** @throws ArgumentError: "RewardModel.score: items must be a list, but is undefined." */
export function refuse({ call, path }: Named, wanted: string, value: unknown): never {
  throw new ArgumentError(path, `${call}: ${path} must be ${wanted}, but is ${show(value)}.`);
}

/** ` Did you mean "learning_rate"?` (with the space), or '' if no name is similar. */
export function suggestion(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const nearest = closest(name, known);
  return distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3)) ? ` Did you mean "${nearest}"?` : '';
}

const check =
  (wanted: string, fits: (value: unknown) => boolean): Check =>
  (value, name) => {
    if (!fits(value)) refuse(name, wanted, value);
  };

export const text = check('text', (value) => typeof value === 'string');
export const filledText = check('text that is not empty', (value) => typeof value === 'string' && value !== '');
/** A path or a name, which cannot contain NUL. */
export const path = check(
  'a path (text that is not empty)',
  (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
);
export const flag = check('true or false', (value) => typeof value === 'boolean');
export const callback = check('a function', (value) => typeof value === 'function');
export const number = check('a number', (value) => typeof value === 'number' && !Number.isNaN(value));
export const abortSignal = check(
  'an AbortSignal',
  (value) =>
    isObject(value) &&
    typeof value['aborted'] === 'boolean' &&
    typeof value['addEventListener'] === 'function' &&
    typeof value['throwIfAborted'] === 'function',
);

export function wholeNumber(from: number, to = Number.MAX_SAFE_INTEGER): Check {
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`;
  return check(
    `a whole number ${range}`,
    (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to,
  );
}

export function oneOf(...choices: readonly (string | boolean | null)[]): Check {
  return check(`one of ${choices.map((choice) => show(choice)).join(', ')}`, (value) =>
    choices.includes(value as string),
  );
}

/** The value may be absent. */
export const optional =
  (inner: Check): Check =>
  (value, name) => {
    if (value !== undefined) inner(value, name);
  };

/** A list whose items pass the check, without holes. */
export function list(inner: Check, what = 'a list'): Check {
  return (value, name) => {
    if (!Array.isArray(value)) refuse(name, what, value);
    for (let i = 0; i < value.length; i += 1) inner(value[i], at(name, i));
  };
}

/** Numbers in an array or a typed array; NaN may mean "no reward". */
export const numbers: Check = (value, name) => {
  if (ArrayBuffer.isView(value) && /^\[object (Float|Int|Uint)/.test(Object.prototype.toString.call(value))) return;
  if (!Array.isArray(value)) refuse(name, 'a list of numbers', value);
  for (let i = 0; i < value.length; i += 1) if (typeof value[i] !== 'number') refuse(at(name, i), 'a number', value[i]);
};

/**
 * Text, or one of the other kinds. The kind decides which check runs; trying all of them would be slow on long lists.
 */
export function textOr(wanted: string, others: { list?: Check; object?: Check }): Check {
  return (value, name) => {
    if (typeof value === 'string') return;
    if (Array.isArray(value) && others.list) others.list(value, name);
    else if (isObject(value) && others.object) others.object(value, name);
    else refuse(name, wanted, value);
  };
}

/** A value that passes one of the checks; the message names all that is accepted. */
export function either(wanted: string, ...checks: readonly Check[]): Check {
  return (value, name) => {
    const fits = checks.some((inner) => {
      try {
        inner(value, name);
        return true;
      } catch (error) {
        if (error instanceof ArgumentError) return false;
        throw error;
      }
    });
    if (!fits) refuse(name, wanted, value);
  };
}

/** An object whose given fields are checked; it may have others. */
export function shape(fields: Readonly<Record<string, Check>>, what = 'an object'): Check {
  return (value, name) => {
    if (!isObject(value)) refuse(name, what, value);
    for (const [key, inner] of Object.entries(fields)) inner(value[key], at(name, key));
  };
}

/** An object made by the library itself, recognized by its methods or fields. */
export function made(what: string, ...members: readonly string[]): Check {
  return check(what, (value) => {
    const isCallableOrObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
    return isCallableOrObject && members.every((member) => (value as Record<string, unknown>)[member] !== undefined);
  });
}

/**
 * Options by name. All may be absent (undefined) except the `required` ones; an unknown option is refused with the most
 * similar name and the list of options.
 */
export function options(known: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  const names = Object.keys(known);
  return (value, name) => {
    if (!isObject(value)) refuse(name, 'an object of options', value);
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(known, key)) continue;
      const choices = names.length === 0 ? 'It takes none.' : `The known ones are ${names.join(', ')}.`;
      throw new ArgumentError(
        at(name, key).path,
        `${name.call}: there is no option "${key}".${suggestion(key, names)} ${choices}`,
      );
    }
    for (const [key, inner] of Object.entries(known)) {
      if (value[key] !== undefined || required.includes(key)) inner(value[key], at(name, key));
    }
  };
}

/** A table with a check for every field of the type, so that none is forgotten. */
export type ChecksOf<T> = Readonly<Record<keyof T & string, Check>>;

/** The arguments of one public function, by their names and in order. */
export type Signature = readonly (readonly [name: string, check: Check])[];

/** @throws ArgumentError naming the function, the argument, and what is expected. */
export function checkArguments(call: string, signature: Signature, given: readonly unknown[]): void {
  signature.forEach(([path, inner], i) => {
    try {
      inner(given[i], { call, path });
    } catch (error) {
      if (error instanceof ArgumentError) throw error;
      // A getter or proxy of the caller threw.
      const reason = messageOf(error);
      throw new ArgumentError(path, `${call}: ${path} cannot be read (${reason}).`);
    }
  });
}

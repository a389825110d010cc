// Upper, lower and title case, as in Python.

import { charge } from './limits';

// A character and its title case, if that is neither the character's upper case nor itself.
const TITLE = table(
  '\u{df}Ss \u{1c4}\u{1c5} \u{1c5}\u{1c5} \u{1c6}\u{1c5} \u{1c7}\u{1c8} \u{1c8}\u{1c8} \u{1c9}\u{1c8} ' +
    '\u{1ca}\u{1cb} \u{1cb}\u{1cb} \u{1cc}\u{1cb} \u{1f1}\u{1f2} \u{1f2}\u{1f2} \u{1f3}\u{1f2} ' +
    '\u{587}\u{535}\u{582} \u{1f80}\u{1f88} \u{1f81}\u{1f89} \u{1f82}\u{1f8a} \u{1f83}\u{1f8b} ' +
    '\u{1f84}\u{1f8c} \u{1f85}\u{1f8d} \u{1f86}\u{1f8e} \u{1f87}\u{1f8f} \u{1f88}\u{1f88} \u{1f89}\u{1f89} ' +
    '\u{1f8a}\u{1f8a} \u{1f8b}\u{1f8b} \u{1f8c}\u{1f8c} \u{1f8d}\u{1f8d} \u{1f8e}\u{1f8e} \u{1f8f}\u{1f8f} ' +
    '\u{1f90}\u{1f98} \u{1f91}\u{1f99} \u{1f92}\u{1f9a} \u{1f93}\u{1f9b} \u{1f94}\u{1f9c} \u{1f95}\u{1f9d} ' +
    '\u{1f96}\u{1f9e} \u{1f97}\u{1f9f} \u{1f98}\u{1f98} \u{1f99}\u{1f99} \u{1f9a}\u{1f9a} \u{1f9b}\u{1f9b} ' +
    '\u{1f9c}\u{1f9c} \u{1f9d}\u{1f9d} \u{1f9e}\u{1f9e} \u{1f9f}\u{1f9f} \u{1fa0}\u{1fa8} \u{1fa1}\u{1fa9} ' +
    '\u{1fa2}\u{1faa} \u{1fa3}\u{1fab} \u{1fa4}\u{1fac} \u{1fa5}\u{1fad} \u{1fa6}\u{1fae} \u{1fa7}\u{1faf} ' +
    '\u{1fa8}\u{1fa8} \u{1fa9}\u{1fa9} \u{1faa}\u{1faa} \u{1fab}\u{1fab} \u{1fac}\u{1fac} \u{1fad}\u{1fad} ' +
    '\u{1fae}\u{1fae} \u{1faf}\u{1faf} \u{1fb2}\u{1fba}\u{345} \u{1fb3}\u{1fbc} \u{1fb4}\u{386}\u{345} ' +
    '\u{1fb7}\u{391}\u{342}\u{345} \u{1fbc}\u{1fbc} \u{1fc2}\u{1fca}\u{345} \u{1fc3}\u{1fcc} ' +
    '\u{1fc4}\u{389}\u{345} \u{1fc7}\u{397}\u{342}\u{345} \u{1fcc}\u{1fcc} \u{1ff2}\u{1ffa}\u{345} ' +
    '\u{1ff3}\u{1ffc} \u{1ff4}\u{38f}\u{345} \u{1ff7}\u{3a9}\u{342}\u{345} \u{1ffc}\u{1ffc} \u{fb00}Ff ' +
    '\u{fb01}Fi \u{fb02}Fl \u{fb03}Ffi \u{fb04}Ffl \u{fb05}St \u{fb06}St \u{fb13}\u{544}\u{576} ' +
    '\u{fb14}\u{544}\u{565} \u{fb15}\u{544}\u{56b} \u{fb16}\u{54e}\u{576} \u{fb17}\u{544}\u{56d}',
);
// A character and its case folding, if that is not its lower case.
const FOLD = table(
  '\u{b5}\u{3bc} \u{df}ss \u{149}\u{2bc}n \u{17f}s \u{1f0}j\u{30c} \u{345}\u{3b9} ' +
    '\u{390}\u{3b9}\u{308}\u{301} \u{3b0}\u{3c5}\u{308}\u{301} \u{3c2}\u{3c3} \u{3d0}\u{3b2} \u{3d1}\u{3b8} ' +
    '\u{3d5}\u{3c6} \u{3d6}\u{3c0} \u{3f0}\u{3ba} \u{3f1}\u{3c1} \u{3f5}\u{3b5} \u{587}\u{565}\u{582} ' +
    '\u{1c80}\u{432} \u{1c81}\u{434} \u{1c82}\u{43e} \u{1c83}\u{441} \u{1c84}\u{442} \u{1c85}\u{442} ' +
    '\u{1c86}\u{44a} \u{1c87}\u{463} \u{1c88}\u{a64b} \u{1e96}h\u{331} \u{1e97}t\u{308} \u{1e98}w\u{30a} ' +
    '\u{1e99}y\u{30a} \u{1e9a}a\u{2be} \u{1e9b}\u{1e61} \u{1e9e}ss \u{1f50}\u{3c5}\u{313} ' +
    '\u{1f52}\u{3c5}\u{313}\u{300} \u{1f54}\u{3c5}\u{313}\u{301} \u{1f56}\u{3c5}\u{313}\u{342} ' +
    '\u{1f80}\u{1f00}\u{3b9} \u{1f81}\u{1f01}\u{3b9} \u{1f82}\u{1f02}\u{3b9} \u{1f83}\u{1f03}\u{3b9} ' +
    '\u{1f84}\u{1f04}\u{3b9} \u{1f85}\u{1f05}\u{3b9} \u{1f86}\u{1f06}\u{3b9} \u{1f87}\u{1f07}\u{3b9} ' +
    '\u{1f88}\u{1f00}\u{3b9} \u{1f89}\u{1f01}\u{3b9} \u{1f8a}\u{1f02}\u{3b9} \u{1f8b}\u{1f03}\u{3b9} ' +
    '\u{1f8c}\u{1f04}\u{3b9} \u{1f8d}\u{1f05}\u{3b9} \u{1f8e}\u{1f06}\u{3b9} \u{1f8f}\u{1f07}\u{3b9} ' +
    '\u{1f90}\u{1f20}\u{3b9} \u{1f91}\u{1f21}\u{3b9} \u{1f92}\u{1f22}\u{3b9} \u{1f93}\u{1f23}\u{3b9} ' +
    '\u{1f94}\u{1f24}\u{3b9} \u{1f95}\u{1f25}\u{3b9} \u{1f96}\u{1f26}\u{3b9} \u{1f97}\u{1f27}\u{3b9} ' +
    '\u{1f98}\u{1f20}\u{3b9} \u{1f99}\u{1f21}\u{3b9} \u{1f9a}\u{1f22}\u{3b9} \u{1f9b}\u{1f23}\u{3b9} ' +
    '\u{1f9c}\u{1f24}\u{3b9} \u{1f9d}\u{1f25}\u{3b9} \u{1f9e}\u{1f26}\u{3b9} \u{1f9f}\u{1f27}\u{3b9} ' +
    '\u{1fa0}\u{1f60}\u{3b9} \u{1fa1}\u{1f61}\u{3b9} \u{1fa2}\u{1f62}\u{3b9} \u{1fa3}\u{1f63}\u{3b9} ' +
    '\u{1fa4}\u{1f64}\u{3b9} \u{1fa5}\u{1f65}\u{3b9} \u{1fa6}\u{1f66}\u{3b9} \u{1fa7}\u{1f67}\u{3b9} ' +
    '\u{1fa8}\u{1f60}\u{3b9} \u{1fa9}\u{1f61}\u{3b9} \u{1faa}\u{1f62}\u{3b9} \u{1fab}\u{1f63}\u{3b9} ' +
    '\u{1fac}\u{1f64}\u{3b9} \u{1fad}\u{1f65}\u{3b9} \u{1fae}\u{1f66}\u{3b9} \u{1faf}\u{1f67}\u{3b9} ' +
    '\u{1fb2}\u{1f70}\u{3b9} \u{1fb3}\u{3b1}\u{3b9} \u{1fb4}\u{3ac}\u{3b9} \u{1fb6}\u{3b1}\u{342} ' +
    '\u{1fb7}\u{3b1}\u{342}\u{3b9} \u{1fbc}\u{3b1}\u{3b9} \u{1fbe}\u{3b9} \u{1fc2}\u{1f74}\u{3b9} ' +
    '\u{1fc3}\u{3b7}\u{3b9} \u{1fc4}\u{3ae}\u{3b9} \u{1fc6}\u{3b7}\u{342} \u{1fc7}\u{3b7}\u{342}\u{3b9} ' +
    '\u{1fcc}\u{3b7}\u{3b9} \u{1fd2}\u{3b9}\u{308}\u{300} \u{1fd3}\u{3b9}\u{308}\u{301} \u{1fd6}\u{3b9}\u{342} ' +
    '\u{1fd7}\u{3b9}\u{308}\u{342} \u{1fe2}\u{3c5}\u{308}\u{300} \u{1fe3}\u{3c5}\u{308}\u{301} ' +
    '\u{1fe4}\u{3c1}\u{313} \u{1fe6}\u{3c5}\u{342} \u{1fe7}\u{3c5}\u{308}\u{342} \u{1ff2}\u{1f7c}\u{3b9} ' +
    '\u{1ff3}\u{3c9}\u{3b9} \u{1ff4}\u{3ce}\u{3b9} \u{1ff6}\u{3c9}\u{342} \u{1ff7}\u{3c9}\u{342}\u{3b9} ' +
    '\u{1ffc}\u{3c9}\u{3b9} \u{fb00}ff \u{fb01}fi \u{fb02}fl \u{fb03}ffi \u{fb04}ffl \u{fb05}st \u{fb06}st ' +
    '\u{fb13}\u{574}\u{576} \u{fb14}\u{574}\u{565} \u{fb15}\u{574}\u{56b} \u{fb16}\u{57e}\u{576} ' +
    '\u{fb17}\u{574}\u{56d}',
);

function table(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(' ').map((entry) => {
      const [character, ...mapped] = entry;
      return [character!, mapped.join('')];
    }),
  );
}

const GEORGIAN = /^[\u10d0-\u10ff]$/;
const CHEROKEE = /^[\u13a0-\u13ff\uab70-\uabbf]$/;
const CASED = /\p{Cased}/u;

function titleCharacter(character: string): string {
  return GEORGIAN.test(character) ? character : (TITLE.get(character) ?? character.toUpperCase());
}

/** The first character in title case, the others in lower case. */
export function capitalize(text: string): string {
  const [first] = text;
  return first === undefined ? '' : titleCharacter(first) + lowerTail(text, first.length);
}

/** The lower case of the text from `begin` on: a sigma at the end takes its final form only after a letter. */
function lowerTail(text: string, begin: number): string {
  const tail = text.slice(begin).toLowerCase();
  const whole = text.toLowerCase();
  return whole.endsWith(tail.slice(-1)) ? tail : tail.slice(0, -1) + whole.slice(-1);
}

export function title(text: string): string {
  charge(1 + text.length);
  // Whole runs of cased characters, so that a final sigma is recognized.
  return text.replace(/\p{Cased}+/gu, (run) => capitalize(run));
}

export function swapCase(text: string): string {
  charge(1 + text.length);
  let swapped = '';
  const lower = text.toLowerCase();
  for (const character of text) {
    if (/\p{Uppercase}/u.test(character))
      swapped += character === 'Σ' ? sigma(text, lower, swapped) : character.toLowerCase();
    else swapped += /\p{Lowercase}/u.test(character) ? character.toUpperCase() : character;
  }
  return swapped;
}

const sigma = (text: string, lower: string, before: string): string =>
  text.length === lower.length ? (lower[before.length] ?? 'σ') : 'σ';

export function caseFold(text: string): string {
  charge(1 + text.length);
  let folded = '';
  for (const character of text) {
    const upper = CHEROKEE.test(character) ? character.toUpperCase() : undefined;
    folded += upper ?? FOLD.get(character) ?? character.toLowerCase();
  }
  return folded;
}

/** Whether all cased characters have the same case, and there is at least one. */
export function isAllCase(text: string, other: 'Lowercase' | 'Uppercase'): boolean {
  charge(1 + text.length);
  return CASED.test(text) && !(other === 'Lowercase' ? /[\p{Lowercase}\p{Lt}]/u : /[\p{Uppercase}\p{Lt}]/u).test(text);
}

export function isTitle(text: string): boolean {
  charge(1 + text.length);
  let found = false;
  let previous = false;
  for (const character of text) {
    if (/[\p{Uppercase}\p{Lt}]/u.test(character)) {
      if (previous) return false;
      found = previous = true;
    } else if (/\p{Lowercase}/u.test(character)) {
      if (!previous) return false;
    } else previous = false;
  }
  return found;
}

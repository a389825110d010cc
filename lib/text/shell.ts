/** A word of a command for a POSIX shell, quoted if needed. */
export function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  // A control character would act on the terminal that it is pasted into. bash and zsh accept it written as an escape.
  if (/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/.test(word))
    return `$'${[...word].map(ansiEscaped).join('')}'`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line that can be pasted, whatever its words contain. */
export function quoteCommand(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}

function ansiEscaped(character: string): string {
  if (character === "'" || character === '\\') return `\\${character}`;
  const code = character.codePointAt(0)!;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code < 0x206a)
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : character;
}

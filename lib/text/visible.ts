// Text of others (categories, names of files, an endpoint's words) as a terminal, a table or a report may show it.
// Control characters there are commands: they clear the screen, set titles, forge lines, turn the direction of what
// follows.

/**
 * C0, DEL, C1, the separators of lines and paragraphs, and the controls of direction that embed, override or isolate.
 */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u2028-\u202e\u2066-\u2069]/g;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function written(character: string): string {
  const code = character.charCodeAt(0);
  return (
    NAMED[character] ??
    (code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`)
  );
}

/** One line: every control character is written out (`\x1b`, `\n`, `\u202e`). */
export function visibleLine(text: string): string {
  return text.replace(CONTROLS, written);
}

/** As `visibleLine`, but line feeds and tabs stay: for text of our own that is put together of visible lines. */
export function visibleText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(CONTROLS, (character) => (character === '\n' || character === '\t' ? character : written(character)));
}

/**
 * JSON that means the same and holds no control character, for a terminal. JSON itself escapes those below U+0020
 * alone.
 */
export function visibleJson(lines: string): string {
  return lines.replace(CONTROLS, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

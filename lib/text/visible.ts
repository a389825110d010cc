// Makes text from outside (categories, file names, an endpoint's messages) safe for a terminal, a table or a report.
// Control characters there would act: clear the screen, set titles, forge lines, change the direction of the following
// text.

/** C0, DEL, C1, line and paragraph separators, and the direction controls that embed, override or isolate. */
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

/** Like `visibleLine`, but keeps line feeds and tabs: for our own text that consists of visible lines. */
export function visibleText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(CONTROLS, (character) => (character === '\n' || character === '\t' ? character : written(character)));
}

/** Equivalent JSON without control characters, for a terminal. JSON itself escapes only those below U+0020. */
export function visibleJson(lines: string): string {
  return lines.replace(CONTROLS, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

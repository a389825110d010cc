/**
 * The number of terminal columns of a text; wide East Asian characters take two. Sometimes one too many, never too few.
 */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text)
    width += character.codePointAt(0)! >= 0x1100 && character !== '–' && character !== '…' ? 2 : 1;
  return width;
}

/** The beginning of a text that fits, with … if something was cut. */
export function cutToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let [cut, taken] = ['', 1];
  for (const character of text) {
    taken += displayWidth(character);
    if (taken > width) break;
    cut += character;
  }
  return width > 0 ? `${cut}…` : '';
}

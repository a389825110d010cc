const LONGEST = 80;

/** A short description of any value, on one line, for error messages. Never throws. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' || typeof value === 'symbol' || value === undefined) return String(value);
  if (typeof value === 'function') return 'a function';
  let text: string | undefined;
  try {
    if (ArrayBuffer.isView(value))
      return `${/^[AEIOU]/.test(value.constructor.name) ? 'an' : 'a'} ${value.constructor.name}`;
    text = JSON.stringify(value);
  } catch {
    // Too deeply nested, circular, or not JSON.
  }
  if (text === undefined) return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text;
}

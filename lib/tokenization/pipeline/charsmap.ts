// SentencePiece's precompiled_charsmap: replacements of texts before tokenization, as a double array over the texts'
// UTF-8 (Darts) and a block of replacements. Read as in the tokenizers library (Rust): grapheme by grapheme. A grapheme
// of fewer than six bytes is replaced as a whole by the entry of its shortest known prefix; any other is replaced
// character by character.

const SHORTEST_LONG_GRAPHEME = 6;
const REMEMBERED = 50_000;

/**
 * Characters that never combine: runs of them need no search for graphemes. ASCII, CJK with its punctuation,
 * full-width forms.
 */
const SIMPLE = /[\u0020-\u007e\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uff01-\uff9d]+/g;

export class Charsmap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;
  private readonly known = new Map<string, string>();
  private readonly segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });
  private readonly utf8 = new TextEncoder();
  private readonly text = new TextDecoder('utf-8', { ignoreBOM: true });

  /** @param base64 as in tokenizer.json. @throws Error if it is not valid. */
  constructor(base64: string) {
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
    const size = bytes.length >= 4 ? new DataView(bytes.buffer).getUint32(0, true) : 0;
    if (size % 4 !== 0 || size === 0 || 4 + size > bytes.length) throw new Error('its precompiled_charsmap is damaged');
    const view = new DataView(bytes.buffer, 4, size);
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 * i, true));
    this.replacements = bytes.subarray(4 + size);
  }

  normalize(text: string): string {
    let result = '';
    let done = 0;
    for (const { 0: run, index } of text.matchAll(SIMPLE)) {
      // The run's first and last characters stay with their neighbors, which may combine with them.
      const begin = index === 0 ? 0 : index + 1;
      const end = index + run.length === text.length ? text.length : index + run.length - 1;
      if (end <= begin) continue;
      result += this.graphemes(text.slice(done, begin));
      for (let i = begin; i < end; i += 1) result += this.grapheme(text[i]!);
      done = end;
    }
    return result + this.graphemes(text.slice(done));
  }

  private graphemes(text: string): string {
    let result = '';
    if (text !== '') for (const { segment } of this.segmenter.segment(text)) result += this.grapheme(segment);
    return result;
  }

  private grapheme(grapheme: string): string {
    let result = this.known.get(grapheme);
    if (result !== undefined) return result;
    const bytes = this.utf8.encode(grapheme);
    result = bytes.length < SHORTEST_LONG_GRAPHEME ? this.lookUp(bytes) : undefined;
    if (result === undefined) {
      result = '';
      for (const character of grapheme) result += this.lookUp(this.utf8.encode(character)) ?? character;
    }
    if (this.known.size >= REMEMBERED) this.known.clear();
    this.known.set(grapheme, result);
    return result;
  }

  /** The replacement of the shortest prefix in the map. */
  private lookUp(key: Uint8Array): string | undefined {
    const offset = (unit: number) => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
    let at = offset(this.units[0]!);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = this.units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) return this.replacement(this.units[at]! & 0x7fffffff);
    }
    return undefined;
  }

  private replacement(begin: number): string {
    const end = this.replacements.indexOf(0, begin);
    return this.text.decode(this.replacements.subarray(begin, end < 0 ? undefined : end));
  }
}

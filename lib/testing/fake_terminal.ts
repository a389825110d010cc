// A terminal in a few lines: what stands on the screen after the bytes that were written. It knows what a progress bar
// uses, and throws at anything else.

import { Writable } from 'node:stream';

export class FakeTerminal extends Writable {
  readonly isTTY = true;
  /** Lines of the screen and those that have scrolled away. */
  readonly lines: string[] = [''];
  private column = 0;

  constructor(public columns: number) {
    super({ decodeStrings: false });
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    for (const [part] of String(chunk).matchAll(/\x1b\[K|[^]/gu)) this.take(part);
    done();
  }

  get screen(): string[] {
    return this.lines.filter((line) => line !== '');
  }

  private take(part: string): void {
    const row = this.lines.length - 1;
    if (part === '\x1b[K') this.lines[row] = this.lines[row]!.slice(0, this.column);
    else if (part === '\r') this.column = 0;
    else if (part === '\n') this.lines.push('');
    else if (/[\u0000-\u001f\u007f-\u009f]/.test(part))
      throw new Error(`the terminal was sent ${JSON.stringify(part)}`);
    else return this.put(part);
    if (part === '\n') this.column = 0;
  }

  private put(character: string): void {
    if (this.column >= this.columns) {
      this.lines.push('');
      this.column = 0;
    }
    const row = this.lines.length - 1;
    this.lines[row] = this.lines[row]!.slice(0, this.column) + character + this.lines[row]!.slice(this.column + 1);
    this.column += 1;
  }
}

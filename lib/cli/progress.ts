// Progress on stderr: a bar on a terminal, a plain line now and then elsewhere.

import { Presets, SingleBar } from 'cli-progress';

/** Shown in their order, such as {loss: '0.512'}. A fact named `left` takes the place of the estimate made here. */
export type ProgressFacts = Record<string, string>;

export interface ProgressDisplay {
  update(done: number, facts?: ProgressFacts): void;
  /** Writes a line that stays above the bar. */
  log(line: string): void;
  /** Ends the bar, or writes the last line. Safe to call again. */
  finish(): void;
}

export interface ProgressOptions {
  /** What is being done: "eval". */
  label: string;
  /** Of what: "responses". */
  unit: string;
  /** Absent where it is not known. */
  total?: number;
  /** Least time between plain lines; 0: a line for every update. */
  secondsBetweenLines?: number;
  stream?: NodeJS.WriteStream;
}

export function showProgress(options: ProgressOptions): ProgressDisplay {
  const stream = options.stream ?? process.stderr;
  return stream.isTTY === true ? new Bar(options, stream) : new Lines(options, stream);
}

/** 4000 -> "1 h 07 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** The facts as text, with the time left where the total is known. */
class FactsLine {
  private readonly began = performance.now();

  constructor(private readonly total: number | undefined) {}

  text(done: number, facts: ProgressFacts): string {
    const all = { ...facts };
    if (this.total !== undefined && done > 0 && done < this.total && all['left'] === undefined) {
      all['left'] = formatDuration(((performance.now() - this.began) / 1000 / done) * (this.total - done));
    }
    return Object.entries(all).map(([name, value]) => ` | ${name} ${value}`).join('');
  }
}

class Bar implements ProgressDisplay {
  private readonly bar: SingleBar;
  private readonly line: FactsLine;

  constructor({ label, unit, total }: ProgressOptions, private readonly stream: NodeJS.WriteStream) {
    this.line = new FactsLine(total);
    const format = total === undefined ? `${label} {value} ${unit}{facts}` : `${label} {bar} {value}/{total} ${unit}{facts}`;
    this.bar = new SingleBar({ format, stream, fps: 5, barsize: 20, gracefulExit: false }, Presets.shades_classic);
    this.bar.start(total ?? 0, 0, { facts: '' });
  }

  update(done: number, facts: ProgressFacts = {}): void {
    this.bar.update(done, { facts: this.line.text(done, facts) });
  }

  log(line: string): void {
    this.stream.write(`\r\x1b[K${line}\n`);
    this.bar.render();
  }

  finish(): void {
    if (this.bar.isActive) this.bar.stop();
  }
}

class Lines implements ProgressDisplay {
  private last = performance.now();
  private pending: string | undefined;
  private readonly line: FactsLine;

  constructor(private readonly options: ProgressOptions, private readonly stream: NodeJS.WriteStream) {
    this.line = new FactsLine(options.total);
  }

  update(done: number, facts: ProgressFacts = {}): void {
    const { label, unit, total } = this.options;
    this.pending = `${label} ${done}${total === undefined ? '' : `/${total}`} ${unit}${this.line.text(done, facts)}\n`;
    if (performance.now() - this.last >= 1000 * (this.options.secondsBetweenLines ?? 10)) this.finish();
  }

  log(line: string): void {
    this.stream.write(`${line}\n`);
  }

  finish(): void {
    if (this.pending === undefined) return;
    this.stream.write(this.pending);
    this.pending = undefined;
    this.last = performance.now();
  }
}

// Progress on stderr: a bar on a terminal, otherwise a plain line now and then.

import { counted } from '../text/counted';
import { visibleLine } from '../text/visible';
import { cutToWidth, displayWidth } from '../text/width';
import { addLiveLine, say } from './terminal';

/**
 * Facts such as {loss: '0.512'}, shown in their order; with little room only the first. A fact named `left` replaces
 * the estimate made here.
 */
type ProgressFacts = Record<string, string>;

export interface ProgressDisplay {
  update(done: number, facts?: ProgressFacts): void;
  /** Ends the bar, or writes the last line. Safe to call again. */
  finish(): void;
}

export interface ProgressOptions {
  /** What is being done: "eval". */
  label: string;
  /** The unit: "responses". */
  unit: string;
  /** Absent if it is not known. */
  total?: number;
  /** Minimum time between plain lines; 0: a line for every update. */
  secondsBetweenLines?: number;
  stream?: NodeJS.WriteStream;
  /** Off: plain lines on a terminal too, because others print rows there that would disturb the bar. */
  live?: boolean;
}

export function showProgress(options: ProgressOptions): ProgressDisplay {
  const stream = options.stream ?? process.stderr;
  return stream.isTTY === true && options.live !== false ? new Bar(options, stream) : new Lines(options, stream);
}

/** 4000 -> "1 h 07 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** What is known, and the time left if the total is known. */
class Counter {
  done = 0;
  private facts: ProgressFacts = {};
  private readonly began = performance.now();

  constructor(private readonly options: ProgressOptions) {}

  update(done: number, facts: ProgressFacts = {}): void {
    this.done = done;
    this.facts = facts;
  }

  /** `train 24/39 steps`, or without the unit. */
  head(withUnit: boolean): string {
    const { label, unit, total } = this.options;
    if (total !== undefined) return visibleLine(`${label} ${this.done}/${total}${withUnit ? ` ${unit}` : ''}`);
    return visibleLine(`${label} ${withUnit ? counted(this.done, unit.replace(/s$/, ''), unit) : this.done}`);
  }

  all(): [name: string, value: string][] {
    const { total } = this.options;
    const all = { ...this.facts };
    if (total !== undefined && this.done > 0 && this.done < total && all['left'] === undefined) {
      all['left'] = formatDuration(((performance.now() - this.began) / 1000 / this.done) * (total - this.done));
    }
    if (total !== undefined && this.done >= total) delete all['left'];
    return Object.entries(all).map(([name, value]) => [visibleLine(name), visibleLine(value)]);
  }
}

const BAR_WIDTH = 20;

/** One line of at most `width` columns: the most important fact first, then the other facts, then the bar. */
function progressLine(counter: Counter, total: number | undefined, width: number): string {
  const facts = counter.all();
  const texts = facts.map(([name, value]) => ` | ${name} ${value}`);
  const important = [0, facts.findIndex(([name]) => name === 'left'), ...facts.keys()].filter(
    (place) => place >= 0 && place < facts.length,
  );
  const first = important.length === 0 ? '' : texts[important[0]!]!;
  const head = displayWidth(counter.head(true) + first) <= width ? counter.head(true) : counter.head(false);
  const shown = new Set<number>();
  let taken = displayWidth(head);
  for (const place of important) {
    const own = displayWidth(texts[place]!);
    if (shown.has(place) || taken + own > width) continue;
    shown.add(place);
    taken += own;
  }
  const tail = texts.filter((_, place) => shown.has(place)).join('');
  const hasBar = total !== undefined && total > 0 && shown.size === facts.length && taken + BAR_WIDTH + 1 <= width;
  if (!hasBar) return cutToWidth(`${head}${tail}`, width);
  const filled = Math.round(BAR_WIDTH * Math.min(1, counter.done / total));
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${head}${tail}`;
}

const REDRAW_MS = 200;
/** The beginning of the line, cleared. */
const CLEAR = '\r\x1b[K';

class Bar implements ProgressDisplay {
  private readonly counter: Counter;
  private readonly remove: () => void;
  private drawn = 0;
  private isEnded = false;

  constructor(
    private readonly options: ProgressOptions,
    private readonly stream: NodeJS.WriteStream,
  ) {
    this.counter = new Counter(options);
    this.remove = addLiveLine({ hide: () => void this.stream.write(CLEAR), show: () => this.draw() });
    this.draw();
  }

  update(done: number, facts?: ProgressFacts): void {
    this.counter.update(done, facts);
    if (performance.now() - this.drawn >= REDRAW_MS) this.draw();
  }

  finish(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.remove();
    // Nothing was done: leave no line.
    if (this.counter.done === 0) this.stream.write(CLEAR);
    else this.stream.write(`${this.line()}\n`);
  }

  private draw(): void {
    this.drawn = performance.now();
    this.stream.write(this.line());
  }

  /** One column less than available: a full line would make some terminals wrap. */
  private line(): string {
    return `${CLEAR}${progressLine(this.counter, this.options.total, Math.max(1, (this.stream.columns || 80) - 1))}`;
  }
}

class Lines implements ProgressDisplay {
  private readonly counter: Counter;
  private last = performance.now();
  private isPending = false;

  constructor(
    private readonly options: ProgressOptions,
    private readonly stream: NodeJS.WriteStream,
  ) {
    this.counter = new Counter(options);
  }

  update(done: number, facts?: ProgressFacts): void {
    this.counter.update(done, facts);
    this.isPending = true;
    if (performance.now() - this.last >= 1000 * (this.options.secondsBetweenLines ?? 10)) this.finish();
  }

  finish(): void {
    if (!this.isPending || this.counter.done === 0) return;
    this.isPending = false;
    this.last = performance.now();
    say(
      `${this.counter.head(true)}${this.counter
        .all()
        .map(([name, value]) => ` | ${name} ${value}`)
        .join('')}`,
      this.stream,
    );
  }
}

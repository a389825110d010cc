// The progress of scoring items.

/** What `onProgress` receives while items are scored. */
export interface ScoreItemsProgress {
  /** Responses scored, and all of them. */
  done: number;
  /** Responses of all items. */
  total: number;
  /** Tokens computed so far; each shared prompt counts once. */
  tokens: number;
  /** Tokens computed per second, since the call began. */
  tokensPerSecond: number;
}

/** Progress over several calls of the engine, which run one after another; reports of two of them may overlap. */
export class Meter {
  private readonly began = performance.now();
  private done = 0;
  private tokens = 0;
  private told = 0;

  constructor(
    private readonly total: number,
    private readonly onProgress: ((progress: ScoreItemsProgress) => void) | undefined,
  ) {}

  during(done: number, tokens: number): void {
    this.tell(this.done + done, this.tokens + tokens);
  }

  after(done: number, tokens: number): void {
    this.done += done;
    this.tokens += tokens;
    this.tell(this.done, this.tokens);
  }

  private tell(done: number, tokens: number): void {
    if (done < this.told) return;
    this.told = done;
    const seconds = (performance.now() - this.began) / 1000;
    this.onProgress?.({ done, total: this.total, tokens, tokensPerSecond: tokens / Math.max(seconds, 1e-9) });
  }
}

// Counts requests, cached answers and retries, and their cost.

import type { Completion } from '../completer';

/** Prices in any currency per million tokens. */
export interface Prices {
  input?: number | undefined;
  output?: number | undefined;
}

export class Spending {
  private asked = 0;
  private cached = 0;
  private withoutUsage = 0;
  private readonly failures = new Map<string, number>();
  private readonly now = { promptTokens: 0, completionTokens: 0 };
  private readonly earlier = { promptTokens: 0, completionTokens: 0 };

  constructor(private readonly prices: Prices) {}

  answered({ usage, cached, finish }: Completion): void {
    if (cached) this.cached++;
    else this.asked++;
    if (!usage) {
      // Refused requests have no known cost.
      if (finish !== 'filtered' && finish !== 'too_long') this.withoutUsage++;
      return;
    }
    const sum = cached ? this.earlier : this.now;
    sum.promptTokens += usage.promptTokens;
    sum.completionTokens += usage.completionTokens;
  }

  failed(kind: string): void {
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
  }

  get tokens(): number {
    return this.now.promptTokens + this.now.completionTokens;
  }

  /**
   * `cost` is undefined if no price is known. It does not include failed attempts, even if the endpoint charges for
   * them.
   */
  describe(): Record<string, unknown> {
    const { now, earlier, prices } = this;
    const hasPrice = prices.input !== undefined || prices.output !== undefined;
    const cost = {
      this_run: this.costOf(now),
      with_cached_answers: this.costOf(now) + this.costOf(earlier),
      price_per_million: { ...prices },
    };
    return {
      requests: {
        answered: this.asked,
        from_cache: this.cached,
        failed_attempts: Object.fromEntries(this.failures),
        answers_without_token_counts: this.withoutUsage,
      },
      tokens: {
        prompt: now.promptTokens,
        completion: now.completionTokens,
        prompt_from_cache: earlier.promptTokens,
        completion_from_cache: earlier.completionTokens,
      },
      ...(hasPrice ? { cost } : {}),
    };
  }

  private costOf({ promptTokens, completionTokens }: { promptTokens: number; completionTokens: number }): number {
    return (promptTokens * (this.prices.input ?? 0) + completionTokens * (this.prices.output ?? 0)) / 1e6;
  }
}

/**
 * How long an answer asks to wait before the next attempt, in milliseconds: `Retry-After` in seconds or as a date (RFC 9110), or
 * `retry-after-ms`. Undefined where it does not say, or says nonsense.
 */
export function retryAfterOf(headers: { get(name: string): string | null }, now = Date.now()): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const given = headers.get('retry-after')?.trim() ?? '';
  if (given === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(given)) return Number(given) * 1000;
  const date = Date.parse(given);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
